"""Pictures and what was read from them in, cards with thumbnails for the index of a folder out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from fercli.formatting import percent, pluralize
from fercli.html.colours import UNCERTAIN, expression_colour
from fercli.html.markup import css_colour, escaped, inline_jpeg
from fercli.html.thumbnail import picture_jpeg
from fercli.media.images import Rgb
from fercli.results import Prediction

_MOST_LISTED = 5  # faces; of more, only how many have which expression


def picture_card(name: str, rgb: Rgb, predictions: Sequence[Prediction], *, labels: Sequence[str], place: int) -> str:
    """One `<li>`: the thumbnail with its faces outlined, the expressions in words, and what it can be sorted by."""
    faces = [prediction for prediction in predictions if prediction.probabilities]
    tops = [_top(face) for face in faces]
    says = ", ".join(_words(face) for face in faces) or "no face found"
    first = (
        faces[0].label if faces else "zzz"
    )  # the largest face stands for the picture; pictures without one come last
    has = sorted({labels.index(face.label) for face in faces if face.label is not None})
    doubt = 1 - min(tops) if tops else -1.0
    return (
        f'<li data-place="{place}" data-label="{escaped(first)}" data-top="{tops[0] if tops else 0:.4f}" '
        f'data-doubt="{doubt:.4f}" data-faces="{len(faces)}" data-has="{" ".join(map(str, has)) or "none"}">'
        f'<div class="frame"><span class="fit">{inline_jpeg(picture_jpeg(rgb), f"{name}: {says}", css="picture")}'
        f'{_outlines(rgb, faces, labels)}</span></div><div class="text"><span class="name">{escaped(name)}</span>'
        f"{_listed(faces, labels)}</div></li>"
    )


def cards_section(cards: int, labels: Sequence[str]) -> tuple[str, str]:
    """What stands before and after the cards: choices of order and expression."""
    choices = "".join(f'<option value="{place}">{escaped(label)}</option>' for place, label in enumerate(labels))
    return (
        f'<section><h2>{pluralize(cards, "picture")}</h2><div class="tools">'
        '<label>Sort by <select id="sort"><option value="name">name</option>'
        '<option value="expression">expression of the largest face</option>'
        '<option value="doubt">doubt, most first</option><option value="faces">number of faces</option></select></label>'
        f'<label>Show <select id="filter"><option value="">all</option>{choices}'
        '<option value="none">without a face</option></select></label></div><ol class="cards">',
        "</ol></section>",
    )


def _outlines(rgb: Rgb, faces: Sequence[Prediction], labels: Sequence[str]) -> str:
    shapes = ""
    for face in faces:
        if face.found is None:
            continue
        left, top, right, bottom = face.found.box_xyxy
        place = f'x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" height="{bottom - top:.0f}"'
        unsure = ' class="unsure"' if face.is_doubtful else ""
        shapes += f'<rect class="back" {place}/><rect{unsure} {place} stroke="{_colour(face, labels)}"/>'
    return (
        f'<svg viewBox="0 0 {rgb.shape[1]} {rgb.shape[0]}" preserveAspectRatio="none" aria-hidden="true">{shapes}</svg>'
    )


def _listed(faces: Sequence[Prediction], labels: Sequence[str]) -> str:
    if not faces:
        return '<span class="soft">no face found</span>'
    if len(faces) <= _MOST_LISTED:
        return _list((_dot(_colour(face, labels), face.status), _words(face)) for face in faces)
    counts = Counter((face.label or "", face.status) for face in faces)
    rows = []
    for (label, status), count in counts.most_common():
        dot = _dot(css_colour(expression_colour(label, labels)), status)
        rows.append((dot, f"{label}{_doubt(status)}: {pluralize(count, 'face')}"))
    return _list(rows)


def _list(rows: Iterable[tuple[str, str]]) -> str:
    return "<ul>" + "".join(f"<li>{dot}{escaped(words)}</li>" for dot, words in rows) + "</ul>"


def _dot(colour: str, status: str) -> str:
    if _doubt(status):
        return '<span class="dot hatched"></span>'
    return f'<span class="dot" style="background:{colour}"></span>'


def _words(face: Prediction) -> str:
    return f"{face.label} {percent(_top(face))}{_doubt(face.status)}"


def _doubt(status: str) -> str:
    return "" if status == "ok" else f", {status.replace('_', ' ')}"


def _top(face: Prediction) -> float:
    return face.probability or 0.0


def _colour(face: Prediction, labels: Sequence[str]) -> str:
    if face.is_doubtful or face.label is None:
        return css_colour(UNCERTAIN)
    return css_colour(expression_colour(face.label, labels))
