"""Export of a model to one ONNX file or torch program, compared with the model before it gets its name."""
