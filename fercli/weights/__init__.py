"""Weights files with their cards: read, download, verify, convert and run.

Start reading at `find`, `files` (safetensors with a `card`) and `classifier`, which runs a model in ONNX Runtime
(`onnx_interface`) or torch with the inputs of `preprocess`; `network` loads the torch modules. `pull` downloads entries of the
`registry`: `locations`, `download`, `archive`, `receipts`; `verify` checks their hashes. `import_weights` and `foreign` convert
checkpoints of other projects. `run_folder` and `checkpoint` are the files of a training run; `average` averages weights.
"""
