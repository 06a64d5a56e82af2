"""Recognise the people of one video after a cut or an absence by the colours of face and hair."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from fercli.faces.appearance import head_distance

Head = Callable[[], NDArray[np.float32]]  # returns the vector of a head; called only when it is needed

MAX_DISTANCE = 6.0  # in units of CIELAB: docs/experiments.md
MEASURED = (  # at this distance, by docs/examples/joined_tracks.py
    "between two photos in one studio, this recognises 87 % of 102 people and mistakes 0.1 % of the pairs of different people"
)
OTHER_DISTANCE = 12.0  # of 108 pairs of different people in clips 96 % are further apart, of one person 17 %
MIN_SIDE = 32.0  # px: smaller faces are blurred and resemble each other
_NEW_DISTANCE = 3.0  # a head this different from the kept ones is kept too
_KEPT, _PEOPLE = 12, 200  # heads per person, and people
_EVERY_S = 0.2


class KnownHeads:
    """Some heads of every person of a video, in bounded memory: of more people, those seen last."""

    def __init__(self) -> None:
        self._heads: dict[int, NDArray[np.float32]] = {}  # number -> [up to 12, D]
        self._seen_s: dict[int, float] = {}

    def see(self, number: int, head: Head, side: float, time_s: float) -> None:
        """Keep the head of a person, if it shows something new. side: of the face in pixels."""
        before_s = self._seen_s.get(number)
        if side < MIN_SIDE or (before_s is not None and 0 <= time_s - before_s < _EVERY_S):
            return
        self._seen_s[number] = time_s
        vector = head()
        kept = self._heads.pop(number, np.zeros((0, len(vector)), np.float32))
        if not len(kept) or head_distance(vector, kept) > _NEW_DISTANCE:
            kept = np.concatenate([kept, vector[None]])[-_KEPT:]
        self._heads[number] = kept  # now the last one
        if len(self._heads) > _PEOPLE:
            del self._heads[next(iter(self._heads))]

    def of(self, number: int) -> NDArray[np.float32]:
        """Return the heads [K, D] that are kept of a person."""
        return self._heads[number]

    def contradicts(self, number: int, head: Head, side: float) -> bool:
        """Whether a head is so different from those of a person that it is another's; False if that is unknown."""
        kept = self._heads.get(number)
        return side >= MIN_SIDE and kept is not None and head_distance(head(), kept) > OTHER_DISTANCE

    def recognise(self, head: Head, side: float, taken: Collection[int]) -> int | None:
        """Return the person whose heads resemble this one most; None if nobody's does. taken: people in view."""
        others = {number: kept for number, kept in self._heads.items() if number not in taken}
        if side < MIN_SIDE or not others:
            return None
        vector = head()
        distances = {number: head_distance(vector, kept) for number, kept in others.items()}
        nearest = min(distances, key=lambda number: distances[number])
        return nearest if distances[nearest] <= MAX_DISTANCE else None
