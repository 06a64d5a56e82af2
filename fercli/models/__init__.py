"""The networks in PyTorch: forward computation only, no files.

Start reading at `btn`, which composes the network of the paper's Fig. 2: an image backbone of `backbones` (`ir50`,
`face_resnet`), the landmark branch `mobilefacenet`, `cross_attention`, the classifier `vit`, and for training `mla` and
`batch_transformer`; `mla_only` has the variants of an ablation. `position_tables` resizes position embeddings, `state_keys` lists
the entries of a state dict, and `counting` counts parameters and multiply-adds.
"""
