"""One line of progress that fits the terminal: the texts are shortened or left out before the bar is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BAR_MIN, BAR_MAX = 10, 40  # columns


@dataclass(frozen=True)
class Part:
    """A text of the line, with shorter ones to take where there is no room; "" leaves it out. weight: the smallest goes first."""

    texts: tuple[str, ...]
    weight: int


def named(text: str, weight: int, *, shortest: int = 12) -> Part:
    """Return a name, which may be cut at its end."""
    widths = [width for width in (40, 28, 20, shortest) if width < len(text)]
    return Part((text, *(f"{text[: width - 1]}…" for width in widths)), weight)


def fitted(parts: Sequence[Part], width: int) -> list[str]:
    """Choose a text of each part so that they fit beside the smallest bar: all are shortened before one is left out.

    The least important ones are shortened and left out first.
    """
    chosen = [0] * len(parts)

    def taken() -> int:
        texts = [part.texts[index] for part, index in zip(parts, chosen, strict=True)]
        return sum(len(text) + 1 for text in texts if text)

    for may_leave_out in (False, True):
        for number in sorted(range(len(parts)), key=lambda number: parts[number].weight):
            texts = parts[number].texts
            while taken() + BAR_MIN > width and chosen[number] + 1 < len(texts):
                if not texts[chosen[number] + 1] and not may_leave_out:
                    break
                chosen[number] += 1
    return [part.texts[index] for part, index in zip(parts, chosen, strict=True)]


def progress_line(
    before: Sequence[Part], fraction: float | None, after: Sequence[Part], width: int, *, ascii_only: bool = False
) -> str:
    """Join texts, bar and texts to a line of at most `width` columns. fraction: 0..1, None while the end is unknown."""
    texts = fitted([*before, *after], width)
    left = [text for text in texts[: len(before)] if text]
    right = [text for text in texts[len(before) :] if text]
    lengths = [len(text) for text in (*left, *right)]
    gap = 2 if sum(lengths) + 2 * len(lengths) + BAR_MIN <= width else 1
    room = max(1, min(BAR_MAX, width - sum(lengths) - gap * len(lengths)))
    return (" " * gap).join([*left, _bar(fraction, room, ascii_only=ascii_only), *right])[:width]


def unique_heads(names: Sequence[str], *, shortest: int = 3) -> list[str]:
    """Return the shortest heads of the names that differ from each other: neutral, happiness -> neu, hap."""
    heads = []
    for name in names:
        others = [other for other in names if other != name]
        length = next(
            (size for size in range(shortest, len(name)) if not any(other[:size] == name[:size] for other in others)),
            len(name),
        )
        heads.append(name[:length])
    return heads


def _bar(fraction: float | None, width: int, *, ascii_only: bool) -> str:
    full, empty = ("#", "-") if ascii_only else ("━", "─")
    done = 0 if fraction is None else round(min(1.0, max(0.0, fraction)) * width)
    return full * done + empty * (width - done)


class Speed:
    """Units a second over the last seconds, from (time, done) pairs."""

    def __init__(self, window_s: float = 30.0) -> None:
        self._window_s, self._points = window_s, list[tuple[float, int]]()

    def add(self, now_s: float, done: int) -> None:
        """Note how much is done; less than before starts again."""
        if self._points and done < self._points[-1][1]:
            self._points.clear()
        self._points.append((now_s, done))
        while len(self._points) > 2 and now_s - self._points[1][0] > self._window_s:
            self._points.pop(0)

    @property
    def per_s(self) -> float | None:
        """None before two different times are known."""
        spans = [later[0] - earlier[0] for earlier, later in pairwise(self._points)]
        elapsed = sum(spans)
        done = self._points[-1][1] - self._points[0][1] if self._points else 0
        return done / elapsed if elapsed > 0 and done > 0 else None
