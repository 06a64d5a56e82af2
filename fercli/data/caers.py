"""Reads CAER-S in place: {train,test}/{Anger,...}/*.png, frames that show more than the face."""

from __future__ import annotations

from pathlib import Path

from fercli.config.labels import schema
from fercli.data.folder import open_owners_folder
from fercli.data.records import Dataset

LAYOUT = "train/Anger/*.png ... and test/Anger/*.png ..."


def open_caers(root: Path) -> Dataset:
    """Read CAER-S, or the faces that `fer align` cut from its frames.

    It has no validation split: a folder `val` or `valid` without a `test` is its test split.
    """
    inner = root / "CAER-S"
    return open_owners_folder(inner if inner.is_dir() else root, schema("caer-s"))
