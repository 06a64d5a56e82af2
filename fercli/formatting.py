"""Values as text: percentages, intervals, counts with their nouns, durations, JSON, escapes for the terminal.

Shares are fractions in 0..1. Functions that end in `_percent` return the bare number, for a column whose header has the unit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, overload

Interval = tuple[float, float]

# C0 and C1 controls, line separators, characters without width, the controls of bidirectional text, and surrogates
_CONTROLS = re.compile(
    "[\ud800-\udfff\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_LINE_ENDS = str.maketrans({char: f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"})  # which JSON allows in texts


def one_line_json(value: Any, *, default: Callable[[Any], Any] | None = None) -> str:
    """Return a value as one line of JSON, whatever a program takes for the end of a line. Raises: ValueError for NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=default).translate(_LINE_ENDS)


def printable(text: str, *, lines: bool = False) -> str:
    """Return a text for a terminal: characters that move the cursor, change colours or the direction are shown as escapes.

    lines: keep line feeds and tabs.
    """
    return _CONTROLS.sub(lambda found: found[0] if lines and found[0] in "\n\t" else _escape(found[0]), text)


def _escape(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte of a file name that is not UTF-8: as in rows
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def percent(share: float, decimals: int | None = None) -> str:
    """Format a share with its unit: 12 %, 0.4 %, > 99 %; with `decimals`, exactly so many: 87.16 %.

    Without `decimals` only a share of exactly 0 is "0 %" and only one of exactly 1 is "100 %".
    """
    value = 100 * share
    if decimals is not None:
        return f"{value:.{decimals}f} %"
    if 99.5 <= value < 100:
        return "> 99 %"
    if 0 < value < 0.1:
        return "< 0.1 %"
    return f"{value:.1f} %" if 0 < value < 1 else f"{value:.0f} %"


def probability_percent(probability: float) -> str:
    """Format a probability: as `percent`, but never as certain: > 99 % from 99.5 % on."""
    return percent(min(probability, 0.999))


def percents(shares: Sequence[float], decimals: int = 0) -> list[str]:
    """Return shares of one whole as percentages that add up to 100: those cut off most are rounded up (largest remainder).

    Each differs from the exact value by less than its last decimal. Of equal remainders that of the smaller share is rounded up,
    so that the order of the shares makes no difference.
    """
    total, steps = sum(shares), 10**decimals
    exact = [100 * steps * share / total if total else 0.0 for share in shares]
    whole = [int(value + 1e-9) for value in exact]
    missing = round(sum(exact)) - sum(whole)
    by_remainder = sorted(range(len(exact)), key=lambda index: (round(whole[index] - exact[index], 9), exact[index]))
    for index in by_remainder[:missing]:
        whole[index] += 1
    least = f"< {1 / steps:.{decimals}f} %"
    pairs = zip(whole, exact, strict=True)
    return [least if count == 0 and value > 0 else f"{count / steps:.{decimals}f} %" for count, value in pairs]


@overload
def in_percent(share: float, decimals: int = 2) -> str: ...
@overload
def in_percent(share: None, decimals: int = 2) -> None: ...
@overload
def in_percent(share: float | None, decimals: int = 2) -> str | None: ...
def in_percent(share: float | None, decimals: int = 2) -> str | None:
    """Format a share without its unit: 87.16; None stays None, an empty cell."""
    return None if share is None else f"{100 * share:.{decimals}f}"


def signed_percent(share: float) -> str:
    """Format a difference of two shares in percentage points: +2.35, -0.40."""
    return f"{100 * share:+.2f}"


@overload
def interval_percent(interval: Interval, *, signed: bool = False) -> str: ...
@overload
def interval_percent(interval: None, *, signed: bool = False) -> None: ...
@overload
def interval_percent(interval: Interval | None, *, signed: bool = False) -> str | None: ...
def interval_percent(interval: Interval | None, *, signed: bool = False) -> str | None:
    """Format both ends of an interval of shares: 85.94 to 88.28; signed: +1.46 to +3.24; None stays None."""
    if interval is None:
        return None
    low, high = (signed_percent(end) if signed else in_percent(end) for end in interval)
    return f"{low} to {high}"


def mean_sd_percent(mean: float, deviation: float | None) -> str:
    """Format a mean of shares with its standard deviation: 91.00 ± 1.41; the mean alone where there is none."""
    return in_percent(mean) + ("" if deviation is None else f" ± {in_percent(deviation)}")


def p_value(value: float) -> str:
    """Format a p-value: 0.351, < 0.001."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def without_middle(text: str, length: int) -> str:
    """Shorten a name to `length` characters, from 5 on; its beginning and its end, with the suffix, are kept."""
    if len(text) <= length:
        return text
    end = min(10, (length - 1) // 2)
    return f"{text[: length - end - 1]}…{text[-end:]}"


def pluralize(count: int, noun: str, plural: str | None = None) -> str:
    """Format a count with its noun: 1 frame, 2,000 frames, 2 boxes."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Format a time span: 5.9 s, 2 min 05 s, 1 h 02 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def clock(time_s: float, *, decimals: int = 1) -> str:
    """Format a time as 0:03.2, 12:00.0 or 1:02:03.5: minutes and seconds, hours where there are any."""
    scale = 10**decimals
    units = round(time_s * scale)  # rounded once, so that 59.96 s is 1:00.0
    seconds, rest = divmod(units, scale)
    fraction = f".{rest:0{decimals}d}" if decimals else ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}{fraction}" if hours else f"{minutes}:{seconds:02d}{fraction}"
