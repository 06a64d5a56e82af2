"""Track the faces of a video: a number that stays the same from frame to frame, and after a cut or an absence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.faces.known_heads import Head, KnownHeads
from fercli.results import Box

Floats = NDArray[np.float64]

LOST_S = 2.0  # s: a face that is not detected for longer is recognised by appearance only
_EXTRAPOLATE_S = 0.3  # s: how long the motion of an undetected face is extrapolated
_REACH, _REACH_PER_S, _MAX_REACH = 0.6, 2.0, 3.0  # allowed distance from the expected position, in sides of the face
_GROWTH, _GROWTH_PER_S = np.log(1.6), 0.5  # allowed change of size: log of the ratio of sides
_MIN_SIMILARITY = 0.5  # correlation of appearance; below it a face may be another person's, as after a cut
_OUT_OF_SIGHT_S = 0.25
_MISSED_S = 0.1  # after a gap of more than this, the head must not be that of another person
_DISSIMILARITY_COST, _GROWTH_COST = 2.0, 0.5  # relative to 1 for a distance of the whole reach
_VELOCITY_UPDATE, _APPEARANCE_UPDATE = 0.3, 0.1  # weight of the new value in the running averages
_IMPOSSIBLE = 1e6


@dataclass
class _Track:
    number: int
    centre: Floats  # [2] px
    side: float  # px
    appearance: Floats  # [D], unit length
    seen_s: float
    velocity: Floats  # [2] px/s

    def update(self, centre: Floats, side: float, appearance: Floats, time_s: float) -> None:
        gap_s = time_s - self.seen_s
        if gap_s > 0:
            self.velocity = self.velocity + _VELOCITY_UPDATE * ((centre - self.centre) / gap_s - self.velocity)
        mixed = self.appearance + _APPEARANCE_UPDATE * (appearance - self.appearance)
        self.appearance = mixed / max(float(np.linalg.norm(mixed)), 1e-9)
        self.centre, self.side, self.seen_s = centre, side, time_s


class Tracker:
    """Tracks the faces of one video. Numbers count from 1 in order of first appearance.

    Faces are assigned to tracks by expected position, size and appearance, all faces of a frame together (minimum total
    cost, Hungarian method). A face that was missed for more than 0.1 s, or that looks different from one frame to the next,
    continues its track only if the colours of its head are not those of another person. A track without a face ends after
    LOST_S. A face that fits no track gets the number of an earlier one that is not in view if it looks the same (`KnownHeads`),
    otherwise a new number.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._known = KnownHeads()
        self._next = 1

    def assign(
        self,
        time_s: float,
        boxes: Sequence[Box],
        appearance: NDArray[np.floating],
        heads: Sequence[Head] | None = None,
    ) -> list[int]:
        """Return the track numbers of the faces of the next frame, in order.

        Args: boxes in pixels; appearance [K, D], unit vectors whose dot product is high for the same person. heads: one
        function per face that describes its head; None: nobody is recognised after an absence.
        """
        self._tracks = [track for track in self._tracks if time_s - track.seen_s <= LOST_S]
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        centres = (corners[:, :2] + corners[:, 2:]) / 2
        sides = np.sqrt(np.maximum(np.prod(corners[:, 2:] - corners[:, :2], axis=1), 1.0))
        faces = [
            (centre, float(side), vector)
            for centre, side, vector in zip(centres, sides, np.asarray(appearance, float), strict=True)
        ]
        matches = self._match(faces, time_s)
        taken = {track.number for track in matches if track is not None}
        numbers = []
        for index, (face, match) in enumerate(zip(faces, matches, strict=True)):
            head = heads[index] if heads is not None else None
            if match is None or self._is_other(match, face, head, time_s):
                number = self._number(head, face[1], taken)
                taken.add(number)
                self._tracks = [track for track in self._tracks if track.number != number]
                self._tracks.append(_Track(number, *face, seen_s=time_s, velocity=np.zeros(2)))
            else:
                number = match.number
                match.update(*face, time_s)
            if head is not None:
                self._known.see(number, head, face[1], time_s)
            numbers.append(number)
        return numbers

    def _is_other(self, track: _Track, face: tuple[Floats, float, Floats], head: Head | None, time_s: float) -> bool:
        """Whether a face at the position of a track is another person's: after a while without it, or after a cut."""
        _, side, appearance = face
        if head is None:
            return False
        missed = time_s - track.seen_s > _MISSED_S + 1e-6
        changed = float(appearance @ track.appearance) < _MIN_SIMILARITY
        return (missed or changed) and self._known.contradicts(track.number, head, side)

    def _number(self, head: Head | None, side: float, taken: Collection[int]) -> int:
        """The number of a face that fits no track: an earlier one, or the next."""
        known = self._known.recognise(head, side, taken) if head is not None else None
        if known is not None:
            return known
        self._next += 1
        return self._next - 1

    def _match(self, faces: Sequence[tuple[Floats, float, Floats]], time_s: float) -> list[_Track | None]:
        """The track of each face; None for a face that starts a new one."""
        matches: list[_Track | None] = [None] * len(faces)
        if not faces or not self._tracks:
            return matches
        costs = self._costs(faces, time_s)
        if costs.size == 1:
            rows, columns = np.zeros(1, int), np.zeros(1, int)
        else:
            from scipy.optimize import linear_sum_assignment

            rows, columns = linear_sum_assignment(costs)
        for row, column in zip(rows, columns, strict=True):
            if costs[row, column] < _IMPOSSIBLE:
                matches[row] = self._tracks[column]
        return matches

    def _costs(self, faces: Sequence[tuple[Floats, float, Floats]], time_s: float) -> Floats:
        """Cost [K, T] of assigning each face to each track: about 0 for the same person, _IMPOSSIBLE beyond reach."""
        centres, sides, appearance = (np.array(values) for values in zip(*faces, strict=True))  # [K, 2], [K], [K, D]
        gap_s = np.array([max(time_s - track.seen_s, 0.0) for track in self._tracks])  # [T]
        track_sides = np.array([track.side for track in self._tracks])
        expected = np.array(
            [
                track.centre + track.velocity * min(gap, _EXTRAPOLATE_S)
                for track, gap in zip(self._tracks, gap_s, strict=True)
            ]
        )
        distance = np.linalg.norm(centres[:, None] - expected, axis=2) * 2 / (sides[:, None] + track_sides)  # [K, T]
        reach = np.minimum(_REACH + _REACH_PER_S * gap_s, _MAX_REACH)
        growth = np.abs(np.log(sides[:, None] / track_sides))
        similarity = appearance @ np.array([track.appearance for track in self._tracks]).T
        impossible = (distance > reach) | (growth > _GROWTH + _GROWTH_PER_S * gap_s)
        impossible |= (gap_s > _OUT_OF_SIGHT_S) & (similarity < _MIN_SIMILARITY)
        costs = distance / reach + _DISSIMILARITY_COST * (1 - similarity) + _GROWTH_COST * growth
        return np.where(impossible, _IMPOSSIBLE, costs)
