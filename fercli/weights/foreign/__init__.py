"""Checkpoints of other projects: one file per format, all of them in `formats.py`."""
