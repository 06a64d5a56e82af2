"""Configuration as frozen dataclasses: no framework and no file access.

`model` and `training` configure network and training, `detect` face detection; `presets` names combinations of them, `defaults`
holds shared default values. `settings` applies `--set name=value`, `validate` reads dataclasses from JSON values. `labels` lists
the class names of every data set, `templates` the crop templates.
"""
