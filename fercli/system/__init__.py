"""Access to the machine and its file system, independent of faces and networks.

`devices` maps device names, `onnx_session` opens ONNX files on them, `environment` records versions. `files` writes atomically,
`csv_file` writes tables, `digest` identifies files, `cache` and `shipped` locate folders and files of the package. `parallel`,
`prefetch` and `chunks` iterate; `stopwatch` measures time.
"""
