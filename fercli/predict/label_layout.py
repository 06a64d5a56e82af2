"""Positions of face labels inside the picture, where they cover as little as possible."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Rect = tuple[float, float, float, float]  # left, top, right, bottom


def label_position(
    box: Rect,
    sizes_wh: Sequence[tuple[float, float]],
    *,
    picture_wh: tuple[int, int],
    labels: Sequence[Rect],
    faces: Sequence[Rect],
) -> tuple[int, Rect]:
    """Choose one of several sizes of a face's label, best first, and its position.

    labels: rectangles of other labels. faces: boxes of the other faces. Returns the index of the size and its rectangle:
    the first that covers nothing, else only its own face, else any face but no label, else the last size above the box.
    """
    for avoided in ([*labels, *faces, box], [*labels, *faces], labels):
        for index, size_wh in enumerate(sizes_wh):
            for rect in _around(box, size_wh, picture_wh):
                if not any(overlap(rect, other) for other in avoided):
                    return index, rect
    return len(sizes_wh) - 1, next(_around(box, sizes_wh[-1], picture_wh))


def panel_position(
    box: Rect, size_wh: tuple[float, float], *, picture_wh: tuple[int, int], taken: Sequence[Rect]
) -> Rect | None:
    """Return a rectangle beside a face for a panel that covers nothing; None if there is no room."""
    gap = size_wh[1] * 0.06
    for left in (box[2] + gap, box[0] - gap - size_wh[0]):
        corner = round(left), round(box[1])
        rect = (*corner, corner[0] + size_wh[0], corner[1] + size_wh[1])
        inside = rect[0] >= 0 and rect[1] >= 0 and rect[2] < picture_wh[0] and rect[3] < picture_wh[1]
        if inside and not any(overlap(rect, other) for other in taken):
            return rect
    return None


def overlap(one: Rect, other: Rect) -> bool:
    """Return whether two rectangles overlap."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _around(box: Rect, size_wh: tuple[float, float], picture_wh: tuple[int, int]) -> Iterator[Rect]:
    """Yield rectangles above, below and beside the box, then inside it, each moved into the picture."""
    width, height = size_wh
    corners = (
        (box[0], box[1] - height),
        (box[0], box[3]),
        (box[2], box[1]),
        (box[0] - width, box[1]),
        (box[0], box[1]),
        (box[0], box[3] - height),
    )
    for corner_left, corner_top in corners:
        left = max(0, min(round(corner_left), math.floor(picture_wh[0] - width)))  # whole pixels: letters stay sharp
        top = max(0, min(round(corner_top), math.floor(picture_wh[1] - height)))
        yield left, top, left + width, top + height
