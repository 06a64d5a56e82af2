"""Make faces in pictures and frames unrecognisable, for copies and reports that are passed on."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.results import Box, Prediction

HOLD_S = 0.5  # a face stays blurred where it was last detected: the detector may miss it in a frame
_AROUND = 0.35  # of the longer side of the box, on each side: hair and chin are blurred too
_BLOCKS = 6  # along each side of a face


class FaceBlur:
    """Blurs the faces of one source after the other; a video needs its frames in order."""

    def __init__(self) -> None:
        self._source: str | None = None
        self._recent: list[tuple[float, Box]] = []

    def blurred(self, source: Source, rgb: Rgb, predictions: Sequence[Prediction], *, time_s: float | None) -> Rgb:
        """Return a copy of RGB uint8 [H, W, 3] with every detected face blurred, and those of the last half second."""
        if source.key != self._source:
            self._source, self._recent = source.key, []
        boxes = [prediction.box_xyxy for prediction in predictions if prediction.box_xyxy is not None]
        if time_s is not None:
            self._recent = [(seen_s, box) for seen_s, box in self._recent if time_s - seen_s <= HOLD_S]
            boxes += [box for _, box in self._recent]
            self._recent += [(time_s, p.box_xyxy) for p in predictions if p.box_xyxy is not None]
        hidden = rgb.copy()
        for box in boxes:
            _blur(hidden, box)
        return hidden


def _blur(rgb: Rgb, box_xyxy: Box) -> None:
    """Blur an ellipse around a box in place: means of 6 x 6 blocks, enlarged smoothly."""
    left, top, right, bottom = box_xyxy
    margin = _AROUND * max(right - left, bottom - top)
    height, width = rgb.shape[:2]
    first_x, last_x = max(0, int(left - margin)), min(width, int(right + margin) + 1)
    first_y, last_y = max(0, int(top - margin)), min(height, int(bottom + margin) + 1)
    if first_x >= last_x or first_y >= last_y:
        return
    part = rgb[first_y:last_y, first_x:last_x]
    blocks = cv2.resize(part, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(blocks, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
    mask = np.zeros(part.shape[:2], np.uint8)
    centre = round((left + right) / 2) - first_x, round((top + bottom) / 2) - first_y
    axes = round((right - left) / 2 + margin), round((bottom - top) / 2 + margin)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, thickness=-1)
    part[mask > 0] = smooth[mask > 0]
