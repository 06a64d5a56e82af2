"""CAER-S in its official layout: {train,test}/{Anger,...}/*.png, frames that show more than the face."""

from __future__ import annotations

from pathlib import Path

from fercli.config.labels import LabelSchema, schema
from fercli.data.dataset import Dataset
from fercli.data.folder import open_official_folder
from fercli.data.reader import Published, Reader


def read_caers(root: Path, labels: LabelSchema) -> Dataset:
    """Read CAER-S, or the faces that `fer align` cropped from its frames.

    It has no validation split: a folder `val` or `valid` without a `test` is its test split.
    """
    inner = root / "CAER-S"
    return open_official_folder(inner if inner.is_dir() else root, labels)


CAER_S = Reader(
    labels=schema("caer-s"),
    read=read_caers,
    layout="train/Anger/*.png ... and test/Anger/*.png ...",
    published=Published(
        access="apply at https://caer-dataset.github.io/",
        note=(
            "Frames show more than the face: fer align crops it. About 70,000 frames; quoted sizes differ "
            "(47,966 + 20,868 and 44,996 + 20,987)."
        ),
    ),
)
