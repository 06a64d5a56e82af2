"""What is unusual about codings by people, and the option that helps: warnings of `fer agree`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fercli.coding.clock_offset import better_shift_s
from fercli.coding.coders import Coder
from fercli.coding.pairing import PairingOptions, SamePerson
from fercli.coding.time_base import overlap_s
from fercli.formatting import clock, percent

# above which a warning is given
_OVERLAP_S, _MUCH_UNCODED, _LONG_TAIL_S, _LONG_TAIL = 0.2, 0.2, 5.0, 0.2


def half_coded(coders: Sequence[Coder], people: Sequence[SamePerson]) -> Iterator[str]:
    """Yield a warning for every coding by a person that ends long before the video: --gaps fills the rest."""
    for index, coder in enumerate(coders):
        for person in people:
            items = person.frames[index]
            if coder.classes is not None or not items or person.spans is not None:
                continue
            last_s = max(item.offset_s for item in items)
            if person.end_s - last_s > max(_LONG_TAIL_S, _LONG_TAIL * person.end_s):
                yield (
                    f"{coder.name}: the last label of {person.video} ends at {clock(last_s)} of {clock(person.end_s)}, and --gaps "
                    "counts the rest: if only a part was coded, name it with --sample (a csv file: source,begin_s,end_s)"
                )


def unusual(
    coders: Sequence[Coder],
    people: Sequence[SamePerson],
    labels: Sequence[NDArray[np.int64]],
    classes: Sequence[str],
    options: PairingOptions,
) -> Iterator[str]:
    """Yield what is unusual about the codings by people: much time without a label, and two labels at one time."""
    for index, coder in enumerate(coders):
        if coder.classes is not None:
            continue
        both_s = sum(overlap_s(person.frames[index], classes, options.label) for person in people)
        if both_s > _OVERLAP_S:
            yield f"{coder.name}: for {both_s:.1f} s a person has two labels at a time; the one that begins later counts"
        own = [found for found, person in zip(labels, people, strict=True) if person.frames[index]]
        seen = sum(int((np.delete(found, index, axis=0) >= 0).any(axis=0).sum()) for found in own)
        empty = sum(
            int(((np.delete(found, index, axis=0) >= 0).any(axis=0) & (found[index] == -1)).sum()) for found in own
        )
        if options.gaps is None and seen and empty / seen > _MUCH_UNCODED:
            yield (
                f"{coder.name}: {percent(empty / seen)} of the time has no label and is not compared; "
                "if the coder left out what is neutral: --gaps neutral"
            )


def late_clocks(
    coders: Sequence[Coder],
    people: Sequence[SamePerson],
    labels: Sequence[NDArray[np.int64]],
    classes: Sequence[str],
    options: PairingOptions,
) -> Iterator[str]:
    """Yield a hint for every coding by a person that agrees much better with another one if its times are shifted."""
    whole = [found for found, person in zip(labels, people, strict=True) if person.spans is None]
    for index, coder in enumerate(coders):
        other = next((at for at in range(len(coders)) if at != index and (at > index or coders[at].classes)), None)
        if coder.classes is not None or other is None or not whole:
            continue
        better = better_shift_s([found[[index, other]] for found in whole], len(classes), options.step_s)
        if better is not None:
            shift_s, kappa, now = better
            shift_s += options.shifts_s.get(coder.name, 0.0)
            yield (
                f"{coder.name}: Cohen's kappa with {coders[other].name} would be {kappa:.2f} instead of {now:.2f} "
                f"if its times were shifted: --shift {coder.name}={shift_s:.1f}"
            )
