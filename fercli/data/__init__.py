"""Data sets: read in their official layouts, checked, prepared and loaded as batches.

Start reading at `open`, which finds a `reader` in `readers` and returns a `dataset`. Readers: `rafdb`, `affectnet`, `fer2013`
(with `fer2013_csv` and `fer2013_labels`), `ferplus_folders`, `expw`, `caers`, `prepared`, and `folder` for any other data set;
they collect errors in `list_errors`. `crops`, `crop_folder` and `loader` read pixels. `holdout`, `training_changes`, `relabel`,
`readable`, `subsets` and `train_copies` select and change images; `facts` records them. `check` with `check_findings`,
`inspection`, `duplicates` and `manifest` implements `fer data check`, `prepare` implements `fer data prepare`. `align_files`
and `align_record` describe a folder of `fer align`.
"""
