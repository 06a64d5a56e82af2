"""Boxes of faces and sizes of labels in, places inside the picture where labels cover nothing out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Rect = tuple[float, float, float, float]  # left, top, right, bottom


def label_place(
    box: Rect,
    sizes_wh: Sequence[tuple[float, float]],
    *,
    picture_wh: tuple[int, int],
    labels: Sequence[Rect],
    faces: Sequence[Rect],
) -> tuple[int, Rect]:
    """Choose one of several sizes of a face's label, best first, and where it goes.

    labels: places that are taken. faces: boxes of the others. Returns the number of the size and its place: the first
    that covers nothing, else its own face only, else any face but no label, else the last size above the box.
    """
    for avoided in ([*labels, *faces, box], [*labels, *faces], labels):
        for number, size_wh in enumerate(sizes_wh):
            for place in _around(box, size_wh, picture_wh):
                if not any(overlap(place, other) for other in avoided):
                    return number, place
    return len(sizes_wh) - 1, next(_around(box, sizes_wh[-1], picture_wh))


def panel_place(
    box: Rect, size_wh: tuple[float, float], *, picture_wh: tuple[int, int], taken: Sequence[Rect]
) -> Rect | None:
    """Where a panel fits beside a face without being moved or covering anything; None if there is no room."""
    gap = size_wh[1] * 0.06
    for left in (box[2] + gap, box[0] - gap - size_wh[0]):
        corner = round(left), round(box[1])
        place = (*corner, corner[0] + size_wh[0], corner[1] + size_wh[1])
        inside = place[0] >= 0 and place[1] >= 0 and place[2] < picture_wh[0] and place[3] < picture_wh[1]
        if inside and not any(overlap(place, other) for other in taken):
            return place
    return None


def overlap(one: Rect, other: Rect) -> bool:
    """Whether two rectangles share a point inside."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _around(box: Rect, size_wh: tuple[float, float], picture_wh: tuple[int, int]) -> Iterator[Rect]:
    """Above, below, at the sides, inside at the top and at the bottom; moved into the picture."""
    wide, high = size_wh
    corners = (
        (box[0], box[1] - high),
        (box[0], box[3]),
        (box[2], box[1]),
        (box[0] - wide, box[1]),
        (box[0], box[1]),
        (box[0], box[3] - high),
    )
    for wanted_left, wanted_top in corners:
        left = max(0, min(round(wanted_left), math.floor(picture_wh[0] - wide)))  # whole pixels: letters stay sharp
        top = max(0, min(round(wanted_top), math.floor(picture_wh[1] - high)))
        yield left, top, left + wide, top + high
