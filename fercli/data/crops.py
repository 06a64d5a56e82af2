"""Read the face of a sample as RGB pixels at the size of a model; training and evaluation both use it."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from fercli.config.templates import template
from fercli.data.dataset import Sample
from fercli.data.fer2013_csv import read_pixels_at
from fercli.faces.crop import crop_box, crop_face, resize_crop
from fercli.media.images import Rgb, read_rgb

LANDMARK_TEMPLATE = "arcface"  # for faces with known landmarks, which are aligned while they are read


def load_crop(sample: Sample, size: int, *, change: Callable[[Rgb], Rgb] | None = None) -> Rgb:
    """Read a face as uint8 [size, size, 3]: area interpolation to shrink (no aliasing), bilinear to enlarge.

    A face with landmarks is aligned to LANDMARK_TEMPLATE, a face with a box is cropped to a square around it. A crop that
    is not square is stretched, as the paper's resizing does. change: applied to the crop before it is resized; a face that
    is cropped from a larger picture has its final size already. Raises: DataError from `read_picture`.
    """
    rgb = read_picture(sample)
    if sample.landmarks is not None:
        rgb = crop_face(rgb, sample.landmarks, template(LANDMARK_TEMPLATE), size)[0]
    elif sample.box_xyxy is not None:
        rgb = crop_box(rgb, sample.box_xyxy, size)[0]
    if change is not None:
        rgb = change(rgb)
    return resize_crop(rgb, size)


def read_picture(sample: Sample) -> Rgb:
    """Read the whole picture of a sample from its file or csv line: uint8 [H, W, 3]. Raises: DataError."""
    if sample.offset is None:
        return read_rgb(sample.path)
    return cv2.cvtColor(read_pixels_at(sample.path, sample.offset), cv2.COLOR_GRAY2RGB)
