"""Prediction on pictures and videos for `fer predict` and `Predictor`, and the files that it writes.

Start reading at `predict`, with `options` for its settings and `smoothing` along tracks. `draw`, with `label_layout`, draws
predictions for `annotated_copies`. `results_folder` writes the folder of --out, with a
`job` file so that an interrupted run can continue. `inputs` takes the pictures and frames of Python programs. `boxes_file`
reads boxes from a file, and `given_faces` attaches them to pictures and frames instead of detection. `people`, `peaks` and
`timeline` summarise videos for the HTML `report`.
"""
