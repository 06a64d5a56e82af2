"""A picture and what was read from its faces in, a copy with boxes, expressions and probability bars out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fercli.labels import PAPER_ORDER
from fercli.media.images import Rgb
from fercli.results import Prediction

Colour = tuple[int, int, int]
Rect = tuple[float, float, float, float]  # left, top, right, bottom

# Okabe and Ito's palette, told apart by colour-blind eyes as well; in the paper's order of classes
_COLOURS: tuple[Colour, ...] = (
    (190, 190, 190),
    (240, 228, 66),
    (86, 180, 233),
    (230, 159, 0),
    (204, 121, 167),
    (0, 158, 115),
    (213, 94, 0),
    (0, 114, 178),
)
_UNCERTAIN: Colour = (128, 128, 128)
_READABLE_SIDE = 320  # px: a smaller picture is enlarged, as no label could be read on it
_FONT_MIN, _FONT_MAX = 11, 64  # px


def annotate(rgb: Rgb, predictions: Sequence[Prediction]) -> Rgb:
    """Draw a box, the expression and its probability for every face; a picture without a face says so.

    Returns a new RGB uint8 picture: of the same size, or a whole multiple of it if that is too small to read.
    """
    zoom = -(-_READABLE_SIDE // max(rgb.shape[:2])) if max(rgb.shape[:2]) < _READABLE_SIDE else 1
    if zoom > 1:
        rgb = cv2.resize(rgb, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    picture = Image.fromarray(rgb)
    pen = ImageDraw.Draw(picture)
    faces = [prediction for prediction in predictions if prediction.found is not None]
    boxes = [_box(prediction, zoom) for prediction in faces]
    for prediction, box in zip(faces, boxes, strict=True):
        pen.rectangle(box, outline=_colour(prediction), width=_line_width(box, picture.size))
    labels: list[Rect] = []
    for prediction, box in zip(faces, boxes, strict=True):
        others = [other for other in boxes if other is not box]
        labels.append(_draw_label(pen, prediction, box, size_wh=picture.size, labels=labels, faces=others))
    if not faces:
        _write(pen, (0, 0), predictions[0].detail or "no face" if predictions else "no face", _font(_note_px(picture)))
    return np.array(picture)


def _draw_label(
    pen: ImageDraw.ImageDraw,
    prediction: Prediction,
    box: Rect,
    *,
    size_wh: tuple[int, int],
    labels: Sequence[Rect],
    faces: Sequence[Rect],
) -> Rect:
    """Write the expression, a bar below it as long as it is probable; returns the place that takes."""
    name = prediction.label or prediction.status
    probability = (prediction.probabilities or {}).get(name, 0.0)
    text = f"{name}? {probability:.0%}" if prediction.status == "uncertain" else f"{name} {probability:.0%}"
    smallest = max(_FONT_MIN, max(size_wh) // 130)
    font_px = int(np.clip((box[2] - box[0]) / 7, smallest, max(smallest, min(_FONT_MAX, min(size_wh) / 14))))
    font = _font(font_px)
    bar = max(2, font_px // 5)
    wide, high = pen.textlength(text, font=font) + font_px * 0.6, font_px * 1.35 + bar
    left, top, right, bottom = place = _free_place(box, (wide, high), size_wh, labels, faces)
    pen.rectangle(place, fill=(0, 0, 0))
    pen.text((left + font_px * 0.3, top + font_px * 0.05), text, font=font, fill=(255, 255, 255))
    pen.rectangle((left, bottom - bar, left + (right - left) * probability, bottom), fill=_colour(prediction))
    return place


def _free_place(
    box: Rect,
    label_wh: tuple[float, float],
    size_wh: tuple[int, int],
    labels: Sequence[Rect],
    faces: Sequence[Rect],
) -> Rect:
    """Where a label is inside the picture and, if that can be, covers no other label and no other face."""
    left = float(np.clip(box[0], 0, max(0.0, size_wh[0] - label_wh[0])))
    tops = (box[1] - label_wh[1], box[3], box[1], box[3] - label_wh[1])  # above, below, inside
    places = [
        (left, top, left + label_wh[0], top + label_wh[1])
        for top in (max(0.0, min(top, size_wh[1] - label_wh[1])) for top in tops)
    ]
    legible = [place for place in places if not any(_overlap(place, other) for other in labels)]
    free = [place for place in legible if not any(_overlap(place, other) for other in faces)]
    return (free or legible or places)[0]


def _write(pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, font: ImageFont.FreeTypeFont) -> None:
    left, top, right, bottom = pen.textbbox(corner, text, font=font)
    border = (bottom - top) * 0.4
    pen.rectangle((left, top, right + 2 * border, bottom + 2 * border), fill=(0, 0, 0))
    pen.text((corner[0] + border, corner[1] + border), text, font=font, fill=(255, 255, 255))


def _box(prediction: Prediction, zoom: int) -> Rect:
    left, top, right, bottom = prediction.found.box_xyxy if prediction.found else (0.0, 0.0, 0.0, 0.0)
    return left * zoom, top * zoom, right * zoom, bottom * zoom


def _colour(prediction: Prediction) -> Colour:
    """One colour per expression, the same for every model; other class names take theirs from their place."""
    if prediction.status != "ok" or prediction.label is None:
        return _UNCERTAIN
    if prediction.label in PAPER_ORDER:
        return _COLOURS[PAPER_ORDER.index(prediction.label)]
    return _COLOURS[list(prediction.probabilities or {}).index(prediction.label) % len(_COLOURS)]


def _line_width(box: Rect, size_wh: tuple[int, int]) -> int:
    return int(np.clip(min((box[2] - box[0]) / 40, min(size_wh) / 200), 2, 8))


def _note_px(picture: Image.Image) -> int:
    return int(np.clip(min(picture.size) / 20, _FONT_MIN, _FONT_MAX))


def _overlap(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow is built without FreeType: reinstall pillow from its wheel")
    return font
