"""Look inside trained networks: figures (`fer visualize`), doubtful labels (`fer audit`), module sizes (`fer describe`).

`visualize` draws one figure of a network on `images`: `probabilities`, `scorecam`, `tsne` (with `clusters`) or `attention` (with
`batch_attention` and `attention_page`); `plots` has the drawing. `audit`, with `label_noise` and `audit_files`, ranks labels;
`describe` lists modules.
"""
