"""Export of a model to one ONNX file or torch program, compared with the model before it gets its name.

Start reading at `export`, with `options`. `graph` translates the model, `shortcuts`, `float16_storage` and `precision` rewrite the
graph, `preprocessing` adds steps before the network, and `metadata` with `self_check` describes the file. `parity` and
`preprocessing_parity` compare it with torch on `samples`. `program` writes a torch program instead.
"""
