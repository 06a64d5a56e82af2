"""Statistics of the people of a video: time per expression, timeline of probabilities, peaks, samples of faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fercli.coding.recordings import ONLY_FRAME_S
from fercli.predict.peaks import Peaks
from fercli.predict.samples import Samples
from fercli.predict.timeline import FINEST_S, Timeline
from fercli.results import MIN_TRACK_S, Who

_Item = TypeVar("_Item")

PEAK_COUNT, PEAK_APART_S = 2, 1.0
SAMPLE_COUNT = 24
MAX_PEOPLE = 40
MAX_BINS_OF_ALL = 20_480  # of the timelines of all people together, so that pages stay small
_ROUNDING_S = 1e-6
_GONE_S = 5.0  # a person not seen for this time may be folded


@dataclass(frozen=True)
class SeenFace:
    """One face of one frame. track: a name or number, None if tracking is off. probabilities: [N].

    uncertain: they are unreliable. number: of the track, also where it has a name.
    """

    track: Who
    probabilities: NDArray[np.float64]
    uncertain: bool
    number: int | None = None


class Person(Generic[_Item]):
    """One track: time per expression, the timeline of its probabilities, its peaks, and samples of its faces.

    seconds: [N] time in which each class was predicted with certainty. uncertain_s: the rest of the time in view.
    timeline: probabilities [N] and, as the last column, the share of uncertain time.
    """

    def __init__(self, track: Who, classes: int) -> None:
        self.track = track
        self.number: int | None = None
        self.faces = 0
        self.first_s = self.last_s = 0.0
        self.seconds = np.zeros(classes)
        self.uncertain_s = 0.0
        self.timeline = Timeline(classes + 1)
        self.samples: Samples[_Item] = Samples(SAMPLE_COUNT)
        self.peaks: list[Peaks[_Item]] = [Peaks(PEAK_COUNT, apart_s=PEAK_APART_S) for _ in range(classes)]

    @property
    def seen_s(self) -> float:
        return float(self.seconds.sum() + self.uncertain_s)

    def add(self, face: SeenFace, *, start_s: float, end_s: float) -> None:
        """Add a face that is in view from `start_s` to `end_s`."""
        self.first_s = self.first_s if self.faces else start_s
        self.number = self.number if self.faces else face.number
        self.faces += 1
        self.last_s = end_s
        if face.uncertain:
            self.uncertain_s += end_s - start_s
        else:
            self.seconds[int(face.probabilities.argmax())] += end_s - start_s
        self.timeline.add(np.append(face.probabilities, float(face.uncertain)), start_s=start_s, end_s=end_s)


@dataclass
class Folded:
    """Tracks of which only the total time is kept: in view for a short time, or more than `max_people`.

    brief_faces, brief_s: faces in view too briefly for a track, and their total time.
    """

    tracks: set[Who] = field(default_factory=set)
    seen_s: float = 0.0
    brief_faces: int = 0
    brief_s: float = 0.0


class People(Generic[_Item]):
    """Collects the faces of one video frame by frame, in memory that does not grow with its length.

    A frame lasts until the next one begins, the last one as long as the one before it, but not beyond `until_s`. If no face
    of the video has a track, the first face of every frame, the largest, counts as one person. At most `max_people` people have
    a timeline; beyond that, those in view for the shortest time and not recently are added to `folded`.
    """

    def __init__(self, classes: int, *, max_people: int = MAX_PEOPLE, until_s: float | None = None) -> None:
        self.frames = self.frames_without_face = self.faces = self.uncertain_faces = 0
        self.end_s = self.without_face_s = 0.0
        self.folded = Folded()
        self._classes, self._max_people, self._until_s = classes, max_people, until_s
        self._people: dict[Who, Person[_Item]] = {}
        self._pending: tuple[float, Sequence[SeenFace]] | None = None
        self._interval_s = self._shortest_s = ONLY_FRAME_S

    def add(self, time_s: float, faces: Sequence[SeenFace]) -> None:
        """Add the faces of the frame that begins at `time_s`."""
        self._count_pending(time_s)
        self._pending = (time_s, tuple(faces))
        self.frames += 1
        self.frames_without_face += not faces
        self.faces += len(faces)
        self.uncertain_faces += sum(face.uncertain for face in faces)
        for face in faces:
            self._admit(face.track, time_s)

    def lose(self, time_s: float) -> None:
        """End the current frame at `time_s`, when one begins that could not be decoded."""
        self._count_pending(time_s)
        self._pending = None

    def person(self, track: Who) -> Person[_Item] | None:
        """Return the person of a track; None if folded or never seen."""
        return self._people.get(track)

    def finish(self) -> list[Person[_Item]]:
        """End the last frame; returns the people, longest in view first, their timelines with bins of equal width.

        People in view for less than MIN_TRACK_S are added to `folded`, unless everybody is. Bins are not shorter than half of
        the shortest frame.
        """
        if self._pending is not None:
            end_s = self._pending[0] + self._interval_s
            self._count_pending(end_s if self._until_s is None else min(end_s, self._until_s))
            self._pending = None
        self._drop_untracked()
        people = sorted((p for p in self._people.values() if p.faces), key=lambda person: -person.seen_s)
        shortest_s = MIN_TRACK_S - _ROUNDING_S
        if people and people[0].seen_s >= shortest_s:
            for person in people:
                if person.seen_s < shortest_s:
                    self.folded.tracks.add(person.track)
                    self.folded.seen_s += person.seen_s
            people = [person for person in people if person.seen_s >= shortest_s]
        for person in people:
            person.timeline.reach(self.end_s)
        width_s = self._common_width(people)
        for person in people:
            person.timeline.widen(width_s)
        return people

    def _drop_untracked(self) -> None:
        """Keep faces without a track as one person only if the video has no track."""
        self.folded.tracks.discard(None)
        if self.folded.tracks or any(track is not None for track in self._people):
            self._people.pop(None, None)
        else:
            self.folded.brief_faces, self.folded.brief_s = 0, 0.0

    def _common_width(self, people: Sequence[Person[_Item]]) -> float:
        """Return the width of the bins of all timelines."""
        width_s = max((person.timeline.width_s for person in people), default=FINEST_S)
        while width_s * 2 <= self._shortest_s + 1e-6 or len(people) * self.end_s / width_s > MAX_BINS_OF_ALL:
            width_s *= 2
        return width_s

    def _count_pending(self, until_s: float) -> None:
        """Count the pending frame, now that its end is known."""
        if self._pending is None:
            return
        start_s, faces = self._pending
        end_s = max(until_s, start_s)
        self._interval_s = end_s - start_s or self._interval_s
        if end_s > start_s:
            self._shortest_s = end_s - start_s if self.end_s == 0 else min(self._shortest_s, end_s - start_s)
        self.end_s = max(self.end_s, end_s)
        self.without_face_s += 0.0 if faces else end_s - start_s
        untracked = [face for face in faces if face.track is None]
        self.folded.brief_faces += len(untracked)
        self.folded.brief_s += len(untracked) * (end_s - start_s)
        for face in [*(face for face in faces if face.track is not None), *untracked[:1]]:
            person = self._people.get(face.track)
            if person is None:
                self.folded.tracks.add(face.track)
                self.folded.seen_s += 0.0 if face.track is None else end_s - start_s
            else:
                person.add(face, start_s=start_s, end_s=end_s)

    def _admit(self, track: Who, time_s: float) -> None:
        """Add a person for a new track if there is room, or someone can be folded."""
        if track in self._people or track in self.folded.tracks:
            return
        if len(self._people) >= self._max_people:
            absent = [person for person in self._people.values() if person.last_s < time_s - _GONE_S]
            if not absent:
                return
            least = min(absent, key=lambda person: person.seen_s)
            del self._people[least.track]
            self.folded.tracks.add(least.track)
            self.folded.seen_s += least.seen_s
        person: Person[_Item] = Person(track, self._classes)
        person.last_s = time_s
        self._people[track] = person
