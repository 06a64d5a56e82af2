"""A sample of a data set in, its face as RGB pixels at the network's size out: the one way training and evaluation read."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from fercli.config.templates import template
from fercli.data.dataset import Sample
from fercli.data.fer2013_csv import read_pixels_at
from fercli.faces.crop import crop_box, crop_face
from fercli.media.images import Rgb, read_rgb

LANDMARK_TEMPLATE = "arcface"  # what faces with known landmarks are aligned to while they are read


def load_crop(sample: Sample, size: int, *, change: Callable[[Rgb], Rgb] | None = None) -> Rgb:
    """Read a face as uint8 [size, size, 3]: by area when it shrinks (no aliasing), bilinear when it grows.

    Landmarks bring it into the position of LANDMARK_TEMPLATE, a box is widened to a square and cut out. A crop that is
    not square is stretched, as the paper's resizing does. change: what is done to the crop before it is brought to its
    size, as it is on disk; a face that is cut out of a larger picture has its size already. Errors: DataError from `read_picture`.
    """
    rgb = read_picture(sample)
    if sample.landmarks is not None:
        rgb = crop_face(rgb, sample.landmarks, template(LANDMARK_TEMPLATE), size)[0]
    elif sample.box_xyxy is not None:
        rgb = crop_box(rgb, sample.box_xyxy, size)[0]
    if change is not None:
        rgb = change(rgb)
    height, width = rgb.shape[:2]
    if (height, width) == (size, size):
        return rgb
    shrinks = height * width > size * size
    return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def read_picture(sample: Sample) -> Rgb:
    """Read all that a sample's file or csv line shows: uint8 [H, W, 3]. Errors: DataError for what is no picture."""
    if sample.offset is None:
        return read_rgb(sample.path)
    return cv2.cvtColor(read_pixels_at(sample.path, sample.offset), cv2.COLOR_GRAY2RGB)
