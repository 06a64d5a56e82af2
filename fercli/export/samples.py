"""Images that an export is compared on and calibrated with: face crops of a folder, or smooth generated images.

Letters: B crops, P of them in the comparison, S side of the network's input.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.data.crop_folder import evenly_spaced, read_crop_folder, read_crops
from fercli.errors import DataError
from fercli.export.parity import distinct
from fercli.formatting import pluralize
from fercli.media.images import Rgb, list_images, read_rgb

MIN_FACES = 8  # different faces that a comparison on faces needs
CALIBRATION_CROPS = 128  # crops that int8 takes the ranges of activations from
_SIZES = 3  # images per size that preprocessing is compared on


def comparison_crops(faces: Path | None, size: int, *, count: int) -> tuple[NDArray[np.uint8], str]:
    """Return up to `count` different crops [B, S, S, 3], evenly spaced in a folder or generated; and `faces` or `generated`.

    Raises: DataError for a folder with too few different faces.
    """
    if faces is None:
        return generated_images(size, count=count), "generated"
    crops = distinct(read_crop_folder(faces, size, limit=count))
    if len(crops) < MIN_FACES:
        raise DataError(
            f"{faces} has {pluralize(len(crops), 'different face')}, the comparison needs at least {MIN_FACES}",
            fix=f"a folder with at least {MIN_FACES} different face crops, or no --faces",
        )
    return crops, "faces"


def calibration_crops(faces: Path, compared: NDArray[np.uint8], *, count: int) -> NDArray[np.uint8]:
    """Return crops [B, S, S, 3] to calibrate int8 on: none of `compared` [P, S, S, 3] if the folder has enough others.

    count: how many files of the folder the comparison took.
    """
    size, paths, known = compared.shape[1], list_images(faces), {crop.tobytes() for crop in compared}
    taken = set(evenly_spaced(paths, count))
    crops = read_crops(evenly_spaced([path for path in paths if path not in taken], CALIBRATION_CROPS), size)
    others = crops[[crop.tobytes() not in known for crop in crops]]
    return others if len(others) >= MIN_FACES else read_crop_folder(faces, size, limit=CALIBRATION_CROPS)


def preprocessing_images(faces: Path | None, size: int, *, count: int) -> list[Rgb]:
    """Return images of several sizes to compare preprocessing on: of a folder and resized, or generated."""
    import cv2

    if faces is not None:
        originals = [read_rgb(path) for path in evenly_spaced(list_images(faces), count)]
        some = [originals[index * len(originals) // _SIZES] for index in range(_SIZES)]
        shapes = [(0.5, 0.4), (1.2, 1.5), (3, 2.4)]
        resized = [cv2.resize(rgb, (round(wide * size), round(high * size))) for high, wide in shapes for rgb in some]
        return [*originals, *resized]
    shapes = [(1, 1), (1.5, 1.5), (2, 1.3), (0.6, 0.7), (4, 4), (1.2, 3)]
    largest = generated_images(4 * size, count=_SIZES * len(shapes))
    return [
        np.ascontiguousarray(largest[_SIZES * index + copy, : int(high * size), : int(wide * size)])
        for index, (high, wide) in enumerate(shapes)
        for copy in range(_SIZES)
    ]


def generated_images(size: int, *, count: int) -> NDArray[np.uint8]:
    """Return smooth random images, the same at every call: uint8 [count, size, size, 3]."""
    import cv2

    random = np.random.default_rng(0)
    coarse = random.normal(128, 60, (count, 8, 8, 3)).astype(np.float32)
    smooth = [cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC) for image in coarse]
    return np.stack(smooth).clip(0, 255).astype(np.uint8)
