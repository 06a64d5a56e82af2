"""A sample and what is said of it in, a small picture with a caption out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from fercli.data.crops import load_crop
from fercli.data.dataset import Sample
from fercli.errors import DataError
from fercli.html.markup import escaped, inline_jpeg
from fercli.html.thumbnail import crop_jpeg

_SIDE = 112  # px


def face_card(sample: Sample, name: str, *, truth: str, lines: Sequence[str]) -> str:
    """One `<li>`: the crop as a model sees it, its label, what was read, and its file name; no picture if it is gone."""
    said = "; ".join(lines)
    try:
        picture = inline_jpeg(crop_jpeg(load_crop(sample, _SIDE)), f"{name}: {truth}, {said}", css="face")
    except DataError:
        picture = ""
    shown = "<br>".join(escaped(line) for line in (*lines, PurePosixPath(name).stem))
    return (
        f'<li><figure title="{escaped(name)}">{picture}<figcaption><b>{escaped(truth)}</b><br>{shown}</figcaption>'
        "</figure></li>"
    )


def face_grid(cards: Sequence[str]) -> str:
    """Cards side by side."""
    return f'<ul class="peaks">{"".join(cards)}</ul>'
