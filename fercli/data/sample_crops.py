"""A folder of face crops in, an array of some of them at a model's size out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.errors import DataError
from fercli.faces.crop import crop_whole
from fercli.media.images import list_images, read_rgb


def sample_crops(folder: Path, size: int, *, limit: int) -> NDArray[np.uint8]:
    """Read up to `limit` pictures spread evenly over a folder's sorted list: uint8 [B, size, size, 3] RGB.

    Raises: DataError if the folder or its pictures are not there or cannot be read.
    """
    paths = list_images(folder)
    if not paths:
        raise DataError(f"{folder} holds no pictures", fix=f"fer align PHOTOS {folder}")
    return read_crops(spread(paths, limit), size)


def read_crops(paths: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """Read pictures as crops: uint8 [B, size, size, 3] RGB; DataError for one that cannot be read."""
    crops = [crop_whole(read_rgb(path), size)[0] for path in paths]
    return np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)


def spread(paths: Sequence[Path], limit: int) -> list[Path]:
    """Up to `limit` of some paths, evenly from the first to the last: every class of a folder that has one for each."""
    places = np.unique(np.linspace(0, len(paths) - 1, min(limit, len(paths))).round().astype(int))
    return [paths[place] for place in places]
