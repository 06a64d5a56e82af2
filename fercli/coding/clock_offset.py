"""Whether the clock of one coding is ahead of the other: the shift at which they agree best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fercli.coding.agreement import cohens_kappa

MAX_SHIFT_S = 10.0
_SHIFT_STEP_S = 0.2
_GAIN = 0.2  # of kappa, below which an offset is not worth a hint
_MIN_SHARE = 0.5  # of the time that is compared without a shift
_MIN_COMPARED_S = 5.0


def better_shift_s(
    pairs: Sequence[NDArray[np.int64]], classes: int, step_s: float
) -> tuple[float, float, float] | None:
    """Return by how many seconds the first coding should be later, kappa then, and kappa now; None if a shift gains little.

    pairs: the classes [2, T] of the people, in consecutive units of step_s; negative ones are missing.
    """
    now, compared = _kappa(pairs, classes, 0)
    if not np.isfinite(now) or compared * step_s < _MIN_COMPARED_S:
        return None
    width = max(1, round(_SHIFT_STEP_S / step_s))
    count = round(MAX_SHIFT_S / step_s / width)
    best = (now, 0)
    for shift in (width * number for number in range(-count, count + 1) if number):
        kappa, units = _kappa(pairs, classes, shift)
        if units >= _MIN_SHARE * compared and kappa > best[0]:
            best = (kappa, shift)
    return (best[1] * step_s, best[0], now) if best[0] > now + _GAIN else None


def _kappa(pairs: Sequence[NDArray[np.int64]], classes: int, shift: int) -> tuple[float, int]:
    """Return kappa with the first coding later by `shift` units, and how many units are compared."""
    counts = np.zeros((classes, classes))
    for one, two in pairs:
        if len(one) <= abs(shift):
            continue
        first, second = (
            (one[: len(one) - shift], two[shift:]) if shift >= 0 else (one[-shift:], two[: len(two) + shift])
        )
        both = (first >= 0) & (second >= 0)
        np.add.at(counts, (first[both], second[both]), 1)
    return float(cohens_kappa(counts)), int(counts.sum())
