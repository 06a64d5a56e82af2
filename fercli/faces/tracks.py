"""Faces of a video frame by frame in, the number of the person each belongs to out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.results import Box

Floats = NDArray[np.float64]

LOST_S = 2.0  # s: who is not found for longer gets a new number on coming back
_STEADY_S = 0.3  # s: how long a face that is not found is taken to go on as it went
_REACH, _REACH_PER_S, _MOST_REACH = 0.6, 2.0, 3.0  # how far a face may be from where it should be, in its own sides
_GROWTH, _GROWTH_PER_S = np.log(1.6), 0.5  # log of the ratio of sides
_LEAST_LIKE = 0.5  # correlation of looks, asked of a face that was out of sight
_OUT_OF_SIGHT_S = 0.25
_UNLIKE_COST, _GROWTH_COST = 2.0, 0.5  # beside 1 for a distance of a whole reach
_NEW_SHARE_VELOCITY, _NEW_SHARE_LOOK = 0.3, 0.1
_IMPOSSIBLE = 1e6


@dataclass
class _Track:
    number: int
    centre: Floats  # [2] px
    side: float  # px
    look: Floats  # [D], of unit length
    seen_s: float
    velocity: Floats  # [2] px/s

    def cost(self, centre: Floats, side: float, look: Floats, time_s: float) -> float:
        """How unlikely it is that a face is this one: about 0 for the same, _IMPOSSIBLE beyond reach."""
        gap_s = max(time_s - self.seen_s, 0.0)
        expected = self.centre + self.velocity * min(gap_s, _STEADY_S)
        distance = float(np.linalg.norm(centre - expected)) / ((side + self.side) / 2)
        reach = min(_REACH + _REACH_PER_S * gap_s, _MOST_REACH)
        growth = abs(np.log(side / self.side))
        likeness = float(look @ self.look)
        too_far = distance > reach or growth > _GROWTH + _GROWTH_PER_S * gap_s
        if too_far or (gap_s > _OUT_OF_SIGHT_S and likeness < _LEAST_LIKE):
            return _IMPOSSIBLE
        return distance / reach + _UNLIKE_COST * (1 - likeness) + _GROWTH_COST * float(growth)

    def see(self, centre: Floats, side: float, look: Floats, time_s: float) -> None:
        gap_s = time_s - self.seen_s
        if gap_s > 0:
            self.velocity = self.velocity + _NEW_SHARE_VELOCITY * ((centre - self.centre) / gap_s - self.velocity)
        mixed = self.look + _NEW_SHARE_LOOK * (look - self.look)
        self.look = mixed / max(float(np.linalg.norm(mixed)), 1e-9)
        self.centre, self.side, self.seen_s = centre, side, time_s


class Tracker:
    """Follows the faces of one video. Numbers count from 0 in the order of appearance and are never used twice.

    A face belongs to the track it is nearest to in place (where its motion leads), size and looks, all faces of a frame
    chosen together (least total cost, Hungarian method). A track outlives LOST_S without a face.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 0

    def assign(self, time_s: float, boxes: Sequence[Box], looks: NDArray[np.floating]) -> list[int]:
        """Numbers of the faces of the next frame, in order.

        Args: boxes in pixels; looks [K, D], vectors of unit length whose product is high for the same person.
        """
        self._tracks = [track for track in self._tracks if time_s - track.seen_s <= LOST_S]
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        centres = (corners[:, :2] + corners[:, 2:]) / 2
        sides = np.sqrt(np.maximum(np.prod(corners[:, 2:] - corners[:, :2], axis=1), 1.0))
        faces = [
            (centre, float(side), look)
            for centre, side, look in zip(centres, sides, np.asarray(looks, float), strict=True)
        ]
        owners = self._match(faces, time_s)
        numbers = []
        for face, owner in zip(faces, owners, strict=True):
            track = owner
            if track is None:
                track = _Track(self._next, *face, seen_s=time_s, velocity=np.zeros(2))
                self._next += 1
                self._tracks.append(track)
            else:
                track.see(*face, time_s)
            numbers.append(track.number)
        return numbers

    def _match(self, faces: Sequence[tuple[Floats, float, Floats]], time_s: float) -> list[_Track | None]:
        owners: list[_Track | None] = [None] * len(faces)
        if not faces or not self._tracks:
            return owners
        costs = np.array([[track.cost(*face, time_s) for track in self._tracks] for face in faces])
        if costs.size == 1:
            rows, columns = np.zeros(1, int), np.zeros(1, int)
        else:
            from scipy.optimize import linear_sum_assignment

            rows, columns = linear_sum_assignment(costs)
        for row, column in zip(rows, columns, strict=True):
            if costs[row, column] < _IMPOSSIBLE:
                owners[row] = self._tracks[column]
        return owners
