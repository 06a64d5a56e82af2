"""Cards of pictures for a report: thumbnail with outlined faces, expressions, and the keys for sorting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fercli.formatting import pluralize, probability_percent
from fercli.html.colours import UNCERTAIN, Colour, expression_colour
from fercli.html.pages import render
from fercli.html.thumbnail import picture_jpeg
from fercli.media.images import Rgb
from fercli.results import Prediction

_MAX_LISTED = 5  # faces; of more, the card shows counts per expression
_LAST = "zzz"  # sorts pictures without a face after all labels


@dataclass(frozen=True)
class FaceOutline:
    """The box of a face in pixels of the picture."""

    left: int
    top: int
    width: int
    height: int
    colour: Colour
    uncertain: bool


@dataclass(frozen=True)
class FaceLine:
    """A line of text with its colour, None if uncertain."""

    colour: Colour | None
    text: str


@dataclass(frozen=True)
class PictureCard:
    """What picture.html shows of one picture.

    index, sort_label, top, doubt, faces, has: what page.js sorts and filters by. top: highest probability of the largest
    face. doubt: 1 - the lowest highest probability among the faces. has: indices of the labels, or "none".
    """

    index: int
    name: str
    picture: bytes | None
    alt: str
    width: int
    height: int
    boxes: tuple[FaceOutline, ...]
    lines: tuple[FaceLine, ...]
    sort_label: str
    top: float
    doubt: float
    faces: int
    has: str


def picture_card(
    name: str,
    rgb: Rgb,
    predictions: Sequence[Prediction],
    *,
    labels: Sequence[str],
    index: int,
    picture: bool = True,
) -> Markup:
    """Return one `<li>` of the index of pictures."""
    faces = [prediction for prediction in predictions if prediction.probabilities]
    tops = [face.probability or 0.0 for face in faces]
    texts = ", ".join(_text(face) for face in faces) or "no face detected"
    has = sorted({labels.index(face.label) for face in faces if face.label is not None})
    card = PictureCard(
        index=index,
        name=name,
        picture=picture_jpeg(rgb) if picture else None,
        alt=f"{name}: {texts}",
        width=rgb.shape[1],
        height=rgb.shape[0],
        boxes=tuple(_outlines(faces, labels)),
        lines=tuple(_lines(faces, labels)),
        sort_label=(faces[0].label or _LAST) if faces else _LAST,  # the largest face represents the picture
        top=tops[0] if tops else 0.0,
        doubt=1 - min(tops) if tops else -1.0,
        faces=len(faces),
        has=" ".join(map(str, has)) or "none",
    )
    return render("predict/report/picture.html", card=card)


def _outlines(faces: Sequence[Prediction], labels: Sequence[str]) -> Iterator[FaceOutline]:
    for face in faces:
        if face.detection is None:
            continue
        left, top, right, bottom = (round(value) for value in face.detection.box_xyxy)
        colour = _colour(face, labels)
        yield FaceOutline(left, top, right - left, bottom - top, colour or UNCERTAIN, colour is None)


def _lines(faces: Sequence[Prediction], labels: Sequence[str]) -> Iterator[FaceLine]:
    if len(faces) <= _MAX_LISTED:
        for face in faces:
            yield FaceLine(_colour(face, labels), _text(face))
        return
    counts = Counter((face.label or "", face.status) for face in faces)
    for (label, status), count in counts.most_common():
        colour = expression_colour(label, labels) if status == "ok" else None
        yield FaceLine(colour, f"{label}{_doubt(status)}: {pluralize(count, 'face')}")


def _text(face: Prediction) -> str:
    return f"{face.label} {probability_percent(face.probability or 0.0)}{_doubt(face.status)}"


def _doubt(status: str) -> str:
    return "" if status == "ok" else f", {status.replace('_', ' ')}"


def _colour(face: Prediction, labels: Sequence[str]) -> Colour | None:
    """The colour of the expression, None if it is uncertain."""
    return None if face.is_doubtful or face.label is None else expression_colour(face.label, labels)
