"""Read a folder of face crops as one array at the size of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fercli.errors import DataError
from fercli.faces.crop import letterbox
from fercli.media.images import list_images, read_rgb

_T = TypeVar("_T")


def read_crop_folder(folder: Path, size: int, *, limit: int) -> NDArray[np.uint8]:
    """Read up to `limit` pictures, evenly spaced in a folder's sorted list: uint8 [B, size, size, 3] RGB.

    Raises: DataError if the folder has no pictures or one cannot be read.
    """
    paths = list_images(folder)
    if not paths:
        raise DataError(f"{folder} contains no pictures", fix=f"fer align PHOTOS {folder}")
    return read_crops(evenly_spaced(paths, limit), size)


def read_crops(paths: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """Read pictures as crops: uint8 [B, size, size, 3] RGB; DataError for one that cannot be read."""
    crops = [letterbox(read_rgb(path), size)[0] for path in paths]
    return np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)


def evenly_spaced(items: Sequence[_T], limit: int) -> list[_T]:
    """Return up to `limit` items, evenly spaced from the first to the last."""
    indices = np.unique(np.linspace(0, len(items) - 1, min(limit, len(items))).round().astype(int))
    return [items[index] for index in indices]
