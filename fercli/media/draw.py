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
    taken: list[Rect] = []
    for prediction in faces:
        box = _box(prediction, zoom)
        pen.rectangle(box, outline=_colour(prediction), width=_line_width(box, picture.size))
    for prediction in faces:
        _draw_label(pen, prediction, _box(prediction, zoom), picture.size, taken)
    if not faces:
        _write(pen, (0, 0), predictions[0].detail or "no face" if predictions else "no face", _font(_note_px(picture)))
    return np.array(picture)


def _draw_label(
    pen: ImageDraw.ImageDraw, prediction: Prediction, box: Rect, size_wh: tuple[int, int], taken: list[Rect]
) -> None:
    """Write the label where it is inside the picture and covers no other label: above, below, or in the box."""
    name = prediction.label or prediction.status
    probability = (prediction.probabilities or {}).get(name)
    text = name if probability is None else f"{name} {probability:.0%}"
    if prediction.status == "uncertain":
        text = f"uncertain: {text}"
    font_px = int(np.clip((box[2] - box[0]) / 7, _FONT_MIN, min(_FONT_MAX, max(_FONT_MIN, min(size_wh) / 14))))
    font = _font(font_px)
    bar = max(2, font_px // 5)
    width = pen.textlength(text, font=font) + font_px * 0.6
    height = font_px * 1.35 + bar
    left = float(np.clip(box[0], 0, max(0.0, size_wh[0] - width)))
    tops = (box[1] - height, box[3], box[1], box[3] - height)
    places = [(left, top, left + width, top + height) for top in (_inside(top, height, size_wh[1]) for top in tops)]
    place = next((place for place in places if not any(_overlap(place, other) for other in taken)), places[0])
    taken.append(place)
    colour = _colour(prediction)
    pen.rectangle(place, fill=(0, 0, 0))
    pen.text((place[0] + font_px * 0.3, place[1] + font_px * 0.05), text, font=font, fill=(255, 255, 255))
    if probability is not None:
        pen.rectangle((place[0], place[3] - bar, place[0] + width * probability, place[3]), fill=colour)


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
    return int(np.clip(min((box[2] - box[0]) / 40, min(size_wh) / 200), 1, 8))


def _note_px(picture: Image.Image) -> int:
    return int(np.clip(min(picture.size) / 20, _FONT_MIN, _FONT_MAX))


def _inside(top: float, height: float, limit: float) -> float:
    return max(0.0, min(top, limit - height))


def _overlap(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow is built without FreeType: reinstall pillow from its wheel")
    return font
