"""Draw predictions into a picture: boxes, expressions and probability bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fercli.formatting import probability_percent
from fercli.html.colours import UNCERTAIN, Colour, expression_colour, ink_on, track_colour
from fercli.media.images import Rgb
from fercli.predict.label_layout import Rect, label_position, panel_position
from fercli.predict.privacy import Drawn
from fercli.results import Prediction

_MIN_SIDE = 320  # px: a smaller picture is enlarged so that labels are legible
_FONT_MIN, _FONT_MAX = 11, 64  # px
_PANEL_ROWS = 3  # classes in the panel beside a face
_MAX_PANEL_FACES = 8  # with more faces there are no panels
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def annotate(rgb: Rgb, predictions: Sequence[Prediction], *, drawn: Drawn = "labels") -> Rgb:
    """Draw a box, the expression and its probability for every face; a picture without a face is marked "no face".

    drawn: boxes draws no text, nothing returns the picture as it is.
    A tracked face has the number and colour of its track; an unreliable prediction has a dashed box and a question mark;
    the most probable classes are listed beside a face where there is room. Returns a new RGB uint8 picture of the same
    size, or of a whole multiple of it if the picture is small.
    """
    if drawn == "nothing":
        return rgb
    zoom = -(-_MIN_SIDE // max(rgb.shape[:2])) if max(rgb.shape[:2]) < _MIN_SIDE else 1
    if zoom > 1:
        rgb = cv2.resize(rgb, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    picture = Image.fromarray(rgb)
    pen = ImageDraw.Draw(picture)
    faces = [
        _Drawn.of(prediction, zoom, picture.size) for prediction in predictions if prediction.detection is not None
    ]
    for face in faces:
        _draw_box(pen, face)
    if drawn == "boxes":
        return np.array(picture)
    labels: list[Rect] = []
    for face in faces:
        others = [other.box for other in faces if other is not face]
        labels.append(_draw_label(pen, face, picture_wh=picture.size, labels=labels, faces=others))
    for face in faces if len(faces) <= _MAX_PANEL_FACES else ():
        taken = [*labels, *(other.box for other in faces)]
        labels += _draw_panel(pen, face, picture_wh=picture.size, taken=taken)
    if not faces:
        note_px = int(np.clip(min(picture.size) / 20, _FONT_MIN, _FONT_MAX))
        _write(pen, (0, 0), predictions[0].detail or "no face" if predictions else "no face", _font(note_px))
    return np.array(picture)


@dataclass(frozen=True)
class _Drawn:
    """A face with its box in pixels of the copy, its colours and the size of its label."""

    prediction: Prediction
    box: Rect
    edge: Colour
    bar: Colour
    line_px: int
    font_px: int

    @staticmethod
    def of(prediction: Prediction, zoom: int, size_wh: tuple[int, int]) -> _Drawn:
        box = (
            tuple(value * zoom for value in prediction.detection.box_xyxy)
            if prediction.detection
            else (0.0, 0.0, 0.0, 0.0)
        )
        left, top, right, bottom = box
        smallest = max(_FONT_MIN, max(size_wh) // 130)
        largest = max(smallest, min(_FONT_MAX, min(size_wh) / 14))
        bar = UNCERTAIN
        if prediction.status == "ok" and prediction.label is not None:
            bar = expression_colour(prediction.label, list(prediction.probabilities or {}))
        return _Drawn(
            prediction,
            (left, top, right, bottom),
            bar if prediction.track is None else track_colour(prediction.track),
            bar,
            int(np.clip(min((right - left) / 40, min(size_wh) / 200), 2, 8)),
            int(np.clip((right - left) / 7, smallest, largest)),
        )

    @property
    def probability(self) -> float:
        return self.prediction.probability or 0.0

    @property
    def texts(self) -> tuple[str, str]:
        """The text of the label and a short form of it."""
        name = self.prediction.label or self.prediction.status
        mark = "?" if self.prediction.is_doubtful else ""
        return (
            f"{name}{mark} {probability_percent(self.probability)}",
            f"{name[:3]}{mark} {probability_percent(self.probability)}",
        )

    @property
    def number(self) -> str:
        if self.prediction.person is not None:
            return self.prediction.person
        return "" if self.prediction.track is None else f"#{self.prediction.track}"


def _draw_box(pen: ImageDraw.ImageDraw, face: _Drawn) -> None:
    """Draw coloured edges within a thin dark line, so that they are visible on any background; dashed if unreliable."""
    left, top, right, bottom = face.box
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_BLACK, width=face.line_px + 2)
    if not face.prediction.is_doubtful:
        pen.rectangle(face.box, outline=face.edge, width=face.line_px)
        return
    dash = max(4.0, (right - left) / 12)
    inner = face.line_px - 1
    for begin in np.arange(left, right, 2 * dash):
        end = min(begin + dash, right)
        pen.rectangle((begin, top, end, top + inner), fill=face.edge)
        pen.rectangle((begin, bottom - inner, end, bottom), fill=face.edge)
    for begin in np.arange(top, bottom, 2 * dash):
        end = min(begin + dash, bottom)
        pen.rectangle((left, begin, left + inner, end), fill=face.edge)
        pen.rectangle((right - inner, begin, right, end), fill=face.edge)


def _draw_label(
    pen: ImageDraw.ImageDraw,
    face: _Drawn,
    *,
    picture_wh: tuple[int, int],
    labels: Sequence[Rect],
    faces: Sequence[Rect],
) -> Rect:
    """Write number and expression above a bar of the probability; returns the rectangle that it covers."""
    px = face.font_px
    space, bar = 2 * round(px * 0.3), max(2, px // 5)
    chip = round(_text_width(face.number, px)) + space if face.number else 0
    sizes = [(chip + _text_width(text, px) + space, px * 1.35 + bar) for text in face.texts]
    chosen, rect = label_position(face.box, sizes, picture_wh=picture_wh, labels=labels, faces=faces)
    left, top, right, bottom = rect
    pen.rectangle(rect, fill=_BLACK)
    if face.number:
        pen.rectangle((left, top, left + chip, bottom), fill=face.edge)
        _text(pen, (left + space / 2, top + round(px * 0.05)), face.number, px, ink_on(face.edge))
    _text(pen, (left + chip + space / 2, top + round(px * 0.05)), face.texts[chosen], px, _WHITE)
    begin = left + chip
    pen.rectangle((begin, bottom - bar, begin + (right - begin) * face.probability, bottom), fill=face.bar)
    return rect


def _draw_panel(
    pen: ImageDraw.ImageDraw, face: _Drawn, *, picture_wh: tuple[int, int], taken: Sequence[Rect]
) -> list[Rect]:
    """Write the most probable classes with their bars beside the face; returns the rectangle, [] if there is no room."""
    probabilities = face.prediction.probabilities or {}
    best = sorted(probabilities.items(), key=lambda item: -item[1])[:_PANEL_ROWS]
    px = max(_FONT_MIN, round(face.font_px * 0.8))
    row_px = round(px * 1.45)
    size_wh = px * 9.5, row_px * len(best) + px * 0.3
    others = [other for other in taken if other != face.box]
    if not best or size_wh[1] > (face.box[3] - face.box[1]) * 0.8:
        return []
    rect = panel_position(face.box, size_wh, picture_wh=picture_wh, taken=others)
    if rect is None:
        return []
    pen.rectangle(rect, fill=_BLACK)
    left, right = rect[0] + round(px * 0.4), rect[2] - px * 0.4
    for number, (name, value) in enumerate(best):
        top = rect[1] + number * row_px
        text = probability_percent(value)
        _text(pen, (left, top), name, px, _WHITE)
        _text(pen, (right - _text_width(text, px), top), text, px, _WHITE)
        line = top + px * 1.3
        bar = (left, line, left + (right - left) * value, line + max(1, px // 6))
        pen.rectangle(bar, fill=expression_colour(name, list(probabilities)))
    return [rect]


def _write(pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, font: ImageFont.FreeTypeFont) -> None:
    left, top, right, bottom = pen.textbbox(corner, text, font=font)
    border = (bottom - top) * 0.4
    pen.rectangle((left, top, right + 2 * border, bottom + 2 * border), fill=_BLACK)
    pen.text((corner[0] + border, corner[1] + border), text, font=font, fill=_WHITE)


def _text(pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, px: int, fill: Colour) -> None:
    """Draw text whose top left corner is at `corner`, rounded to pixels."""
    mask = _text_mask(text, px)
    pen.bitmap((round(corner[0]), round(corner[1])), mask, fill=fill)


@lru_cache(maxsize=1024)
def _text_mask(text: str, px: int) -> Image.Image:
    """Coverage 0..255 of each pixel; rendering takes longer than the rest of the drawing, and frames repeat their texts."""
    _, _, right, bottom = _font(px).getbbox(text)
    mask = Image.new("L", (max(1, math.ceil(right)), max(1, math.ceil(bottom))))
    ImageDraw.Draw(mask).text((0, 0), text, font=_font(px), fill=255)
    return mask


@lru_cache(maxsize=1024)
def _text_width(text: str, px: int) -> float:
    return _font(px).getlength(text)


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType: pip install --force-reinstall pillow")
    return font
