"""When a person of a video rests: in a span that the user names, or in the calmest seconds near neutral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError
from fercli.formatting import clock, pluralize
from fercli.media.selection import parse_time
from fercli.predict.baseline.correction import Floats, log_probabilities, resting
from fercli.results import Who

OPTION = "--baseline"
AUTO = "auto"
MIN_FRAMES = 5  # in the span, else the person has no baseline
_WINDOW_S = 1.0  # in which `auto` measures how calm a face is
_NEAR_NEUTRAL = 0.5  # share of the seconds that `auto` considers: those in which neutral is most probable
_CALM_SHARE, _MIN_CALM_S = 0.2, 5.0  # `auto` takes a fifth of the time in view, at least 5 s


@dataclass(frozen=True)
class Span:
    """A part of a video in seconds; a frame belongs to it if it is shown from start_s on and before end_s."""

    start_s: float
    end_s: float

    def __str__(self) -> str:
        return f"{clock(self.start_s)} to {clock(self.end_s)}"


CALMEST = (
    f"of the half of the seconds in which neutral was most probable those in which the logits varied least: "
    f"{_CALM_SHARE:.0%} of the time in view, at least {_MIN_CALM_S:g} s"
).replace("%", " %")
Request = Span | None  # None: the calmest seconds


@dataclass(frozen=True)
class Rest:
    """A person at rest. probabilities: [N]. source: where they are from, as outputs state it. frames: how many."""

    probabilities: NDArray[np.float64]
    source: str
    frames: int


def parse_request(text: str) -> Request:
    """Return what `auto` or `0:00-0:10` requests. Raises: UsageError for any other text."""
    if text.strip() == AUTO:
        return None
    begin, dash, end = text.partition("-")
    if not dash:
        raise UsageError(f"{OPTION} {text}: neither a span, nor {AUTO}, nor a file", fix=f"{OPTION} 0:00-0:10")
    span = Span(parse_time(begin, option=OPTION), parse_time(end, option=OPTION))
    if not span.start_s < span.end_s:
        raise UsageError(f"{OPTION} {text}: the span ends before it begins", fix=f"{OPTION} 0:00-0:10")
    return span


class RestingFaces:
    """Collects the faces of one video; `rests` returns every person at rest. Memory: 30 bytes per face."""

    def __init__(self) -> None:
        self._times: dict[Who, list[float]] = {}
        self._probabilities: dict[Who, list[NDArray[np.float32]]] = {}

    def add(self, who: Who, time_s: float, probabilities: NDArray[np.floating]) -> None:
        """Add one face of a frame: probabilities [N]."""
        self._times.setdefault(who, []).append(time_s)
        self._probabilities.setdefault(who, []).append(np.asarray(probabilities, np.float32))

    def rests(self, requests: Mapping[Who, Request], *, neutral: int) -> dict[Who, Rest]:
        """Return the people of `requests` at rest; who has less than five frames in the span is left out.

        neutral: index of that class.
        """
        found = {}
        for who, request in requests.items():
            if who not in self._times:
                continue
            times, rows = np.array(self._times[who]), np.stack(self._probabilities[who]).astype(np.float64)
            if request is None:
                chosen = calmest(times, rows, neutral=neutral)
            else:
                chosen = (times >= request.start_s) & (times < request.end_s)
            count = int(chosen.sum())
            if count >= MIN_FRAMES:
                where = f"calmest {pluralize(count, 'frame')}" if request is None else str(request)
                found[who] = Rest(resting(rows[chosen]), where, count)
        return found


def calmest(times: Floats, probabilities: Floats, *, neutral: int) -> NDArray[np.bool_]:
    """Return which frames [T] belong to the calmest seconds near neutral: [T] bool.

    Of the half of the seconds in which neutral is most probable, those in which the logits vary least: a smile that is held
    is calm, too. A second counts if at least five of its frames show the face. Nothing is chosen of a face seen for less
    than 5 s.
    """
    chosen = np.zeros(len(times), bool)
    logits = log_probabilities(probabilities)
    logits -= logits.mean(axis=1, keepdims=True)
    windows = np.floor(times / _WINDOW_S).astype(int)
    seconds = [members for members in _groups(windows) if len(members) >= MIN_FRAMES]
    if len(seconds) * _WINDOW_S < _MIN_CALM_S:
        return chosen
    count = max(int(_MIN_CALM_S / _WINDOW_S), round(_CALM_SHARE * len(seconds)))
    seconds.sort(key=lambda members: -float(logits[members, neutral].mean()))
    near = seconds[: max(count, round(_NEAR_NEUTRAL * len(seconds)))]
    near.sort(key=lambda members: float(logits[members].std(axis=0).mean()))
    for members in near[:count]:
        chosen[members] = True
    return chosen


def _groups(keys: NDArray[np.int_]) -> list[NDArray[np.int_]]:
    """Return the indices of each run of equal keys."""
    return np.split(np.arange(len(keys)), np.flatnonzero(np.diff(keys)) + 1) if len(keys) else []
