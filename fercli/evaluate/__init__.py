"""Evaluation of weights on data sets: `fer eval`, `fer calibrate`, `fer report` and, in `compare`, `fer compare`.

Start reading at `evaluate`. It computes `dataset_predictions`, measures them (`scores` from `metrics`, `calibration`,
`resampling`; `robustness` to the images of `degrade`; `end_to_end`; `batch_check`) and returns `results`, which `output_folder`
writes as `result_file`, `prediction_table`, `plots` and `page`; `score_warnings` lists what makes a score doubtful. `calibrate`
fits temperature and `logit_adjustment`. `report` sets results (`report_runs`) beside `published_scores`, in `paper_tables` of
methods and `study_tables` of ablations; `mcnemar` compares two models.
"""
