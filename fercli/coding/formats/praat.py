"""Praat TextGrids: one interval tier per person, without gaps or overlaps; read in the long and the short text format.

Layout: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fercli.coding.annotations import SPAN_TIER, Annotation, VideoAnnotations
from fercli.coding.formats.plain_names import with_plain_names
from fercli.errors import DataError
from fercli.results import who_name
from fercli.system.files import replacing
from fercli.system.text_table import read_text

_NOTE_TIER = "note"
# Praat reads numbers, texts in quotes (a quote within is doubled) and <flags>; everything else is a comment
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|<(\w+)>|(?<![^\s=\[])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?=\s|$)')


def write_praat(path: Path, video: VideoAnnotations, *, end_s: float) -> None:
    """Write one video as a TextGrid of end_s seconds; times without an annotation are intervals without a text.

    A note about the video is the mark of a point at 0 s, in a tier of its own.
    """
    video = with_plain_names(video)
    tiers = dict(video.tiers) or {who_name(None): ()}
    if video.spans is not None:
        tiers[SPAN_TIER] = tuple(Annotation("code this", *span) for span in video.spans)
    end_s = max([end_s, *(item.offset_s for items in tiers.values() for item in items)])
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    size = len(tiers) + bool(video.note)
    lines += ["xmin = 0", f"xmax = {_time(end_s)}", "tiers? <exists>", f"size = {size}", "item []:"]
    for number, (name, of_tier) in enumerate(tiers.items(), start=1):
        intervals = list(_without_gaps(of_tier, end_s))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {_time(end_s)}", f"        intervals: size = {len(intervals)}"]
        for index, (begin_s, until_s, text) in enumerate(intervals, start=1):
            lines += [f"        intervals [{index}]:", f"            xmin = {_time(begin_s)}"]
            lines += [f"            xmax = {_time(until_s)}", f"            text = {_quoted(text)}"]
    if video.note:
        lines += [f"    item [{size}]:", '        class = "TextTier"', f"        name = {_quoted(_NOTE_TIER)}"]
        lines += ["        xmin = 0", f"        xmax = {_time(end_s)}", "        points: size = 1"]
        lines += ["        points [1]:", "            number = 0", f"            mark = {_quoted(video.note)}"]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _without_gaps(items: tuple[Annotation, ...], end_s: float) -> Iterator[tuple[float, float, str]]:
    at_s = 0.0
    for item in sorted(items, key=lambda item: item.onset_s):
        if round(item.onset_s, 6) > round(at_s, 6):
            yield at_s, item.onset_s, ""
            at_s = item.onset_s
        if round(item.offset_s, 6) > round(at_s, 6):
            yield at_s, item.offset_s, item.label
            at_s = item.offset_s
    if round(end_s, 6) > round(at_s, 6):
        yield at_s, end_s, ""


def _time(time_s: float) -> str:
    return f"{time_s:.6f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def read_praat(path: Path) -> list[VideoAnnotations]:
    """Read the interval tiers; intervals without a text are not annotations. Raises: DataError for another file."""
    tokens = _tokens(path)
    fail = DataError(f"{path}: not a TextGrid in a text format", fix="in Praat: Save as text file...")
    try:
        if (next(tokens), next(tokens)) != ("ooTextFile", "TextGrid"):
            raise fail
        _, end_s, exists = float(next(tokens)), float(next(tokens)), next(tokens)
        count = int(next(tokens)) if exists == "exists" else 0
        tiers: dict[str, tuple[Annotation, ...]] = {}
        for _ in range(count):
            kind, name = next(tokens), next(tokens)
            for _ in range(2):
                next(tokens)
            items = list(_items(tokens, int(next(tokens)), interval=kind == "IntervalTier"))
            if kind == "IntervalTier":
                tiers[name.strip()] = (*tiers.get(name.strip(), ()), *items)
    except (StopIteration, RuntimeError, ValueError) as error:
        raise fail from error
    spans = tiers.pop(SPAN_TIER, None)
    return [
        VideoAnnotations(
            path.stem, tiers, end_s, None if spans is None else tuple((item.onset_s, item.offset_s) for item in spans)
        )
    ]


def _items(tokens: Iterator[str], count: int, *, interval: bool) -> Iterator[Annotation]:
    for _ in range(count):
        if not interval:  # a point: time and mark
            next(tokens), next(tokens)
            continue
        begin_s, until_s, text = float(next(tokens)), float(next(tokens)), next(tokens).strip()
        if text:
            yield Annotation(text, begin_s, until_s)


def _tokens(path: Path) -> Iterator[str]:
    for match in _TOKEN.finditer(read_text(path)):
        string, flag, number = match.groups()
        yield string.replace('""', '"') if string is not None else flag or number
