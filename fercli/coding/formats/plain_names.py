"""Names that every format can hold: one line, without control characters and what XML forbids."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from fercli.coding.annotations import Annotation, VideoAnnotations

_LINE_BREAKS = {"\t", "\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"}
_FORBIDDEN = {"\ufffe", "\uffff"}  # by XML 1.0


def plain_name(text: str) -> str:
    """Return a text in which line breaks and tabs are spaces; other control characters and bytes not in UTF-8 become U+FFFD."""
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    if character in _LINE_BREAKS:
        return " "
    if character in _FORBIDDEN or unicodedata.category(character) in ("Cc", "Cs"):
        return "\ufffd"
    return character


def with_plain_names(video: VideoAnnotations) -> VideoAnnotations:
    """Return annotations with plain names; people whose names become the same are numbered."""
    tiers: dict[str, tuple[Annotation, ...]] = {}
    for person, items in video.tiers.items():
        name = plain = plain_name(person)
        number = 2
        while name in tiers:
            name, number = f"{plain} {number}", number + 1
        tiers[name] = tuple(
            replace(item, label=plain_name(item.label), comment=plain_name(item.comment)) for item in items
        )
    return replace(video, video=plain_name(video.video), tiers=tiers, note=plain_name(video.note))
