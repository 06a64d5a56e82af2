"""Prediction on pictures and videos for `fer predict` and `Predictor`, and the files that it writes.

Start reading at `predict`, with `options` for its settings and `smoothing` along tracks. `rows` converts predictions to rows of
`tables`; `draw`, with `label_layout`, draws them for `annotated_copies`. `results_folder` writes the folder of --out, with a
`job` file so that an interrupted run can continue. `inputs` takes the pictures and frames of Python programs. `people`, `peaks`
and `timeline` summarise videos for the HTML `report`.
"""
