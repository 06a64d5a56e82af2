"""Videos read back from rows: when every frame is shown, and who is in view with which probabilities."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fercli.coding.names import Names
from fercli.errors import UsageError
from fercli.media.selection import FrameSelection
from fercli.results import CLASSIFIED, MIN_FACE_SCORE, Prediction, Who
from fercli.rows.read import SavedRows

ONLY_FRAME_S = 0.04  # duration of the only frame of a video
UNCERTAIN = "uncertain"  # in the place of a class: somebody is in view, but which expression it is, is not certain
ROUNDING_S = 1e-6  # of times in tables


@dataclass(frozen=True)
class Track:
    """One track of a video, or all tracks of a named person, in the K frames in which they are in view.

    person: the number of the track, or the name of the person; None without tracking, where the largest face of every frame
    counts. numbers: of all tracks of the person. frames: [K] indices into the frames of the recording, ascending.
    probabilities: [K, N]. labels: [K] index of the predicted class. uncertain: [K] the status is not `ok`. unreliable: [K] too
    small, or perhaps not a face: its probabilities say nothing (the other uncertain faces are those whose probability is low).
    boxes: [K, 4] left, top, right, bottom in pixels. baseline: where the person rests, if the resting probabilities are
    subtracted; None if not.
    """

    person: Who
    numbers: tuple[int, ...]
    frames: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    uncertain: NDArray[np.bool_]
    unreliable: NDArray[np.bool_]
    boxes: NDArray[np.float64]
    baseline: str | None = None


@dataclass(frozen=True)
class Recording:
    """One video, T frames of which were read.

    source: as in the rows. classes: N names. numbers: [T] frame numbers of the video. begin_s, end_s: [T] when a frame is
    shown: until the next one begins, the last one as long as the one before it, but not beyond the end that was asked for.
    decoded: [T] False for frames that could not be decoded. has_face: [T]. tracks: in order of their first frame. brief: all
    faces that are in view too briefly for a track, where others have one; its frames repeat and do not ascend.
    """

    source: str
    classes: tuple[str, ...]
    numbers: NDArray[np.int64]
    begin_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    decoded: NDArray[np.bool_]
    has_face: NDArray[np.bool_]
    tracks: tuple[Track, ...]
    brief: Track | None = None

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long every frame is shown: [T]."""
        return self.end_s - self.begin_s

    @property
    def frames_per_second(self) -> float:
        """How many frames were read per second, on average."""
        duration_s = float(self.end_s[-1] - self.begin_s[0])
        return len(self.numbers) / duration_s if duration_s > 0 else 0.0

    def in_view_s(self, track: Track) -> float:
        """Return how long a track is in view."""
        return float(self.seconds[track.frames].sum())


def frame_ends(begin_s: NDArray[np.float64], until_s: float | None = None) -> NDArray[np.float64]:
    """Return when frames [T] end that begin at ascending times [T]. until_s: end of the part of the video that was read."""
    interval_s = begin_s[-1] - begin_s[-2] if len(begin_s) > 1 else ONLY_FRAME_S
    last_s = begin_s[-1] + interval_s
    if until_s is not None:
        last_s = max(begin_s[-1], min(last_s, until_s))
    return np.append(begin_s[1:], last_s)


def saved_recordings(rows: SavedRows, names: Names | None = None) -> Iterator[Recording]:
    """Yield the videos of a table of predictions, as `recordings` does, up to the end that its run was asked for.

    names: of tracks; those of the table are kept for other tracks.
    """
    try:
        until_s = FrameSelection.parse(rows.run.settings["frames of videos"]).end_s
    except (KeyError, UsageError):  # a table of an earlier version, or of another program
        until_s = None
    predictions = rows.predictions() if names is None else names.of_rows(rows.predictions())
    return recordings(predictions, rows.labels, until_s=until_s)


def recordings(
    predictions: Iterable[Prediction], classes: Sequence[str], *, until_s: float | None = None
) -> Iterator[Recording]:
    """Yield the videos of rows in order; pictures are left out. until_s: end of the part of the videos that was read.

    Rows of one video follow each other, with ascending frames. A source that begins again, because it was given twice, is
    another video. Memory is that of one video.
    """
    builder: RecordingBuilder | None = None
    for prediction in predictions:
        if prediction.frame is None or prediction.time_s is None:
            continue
        if builder is None or not builder.continues_with(prediction):
            if builder is not None:
                yield builder.recording()
            builder = RecordingBuilder(prediction.source, classes, until_s=until_s)
        builder.add(prediction)
    if builder is not None:
        yield builder.recording()


@dataclass
class _Face:
    """The columns of a track: as arrays, since a day of video has millions of rows."""

    numbers: dict[int, None] = field(default_factory=dict)  # in order
    frames: array[int] = field(default_factory=lambda: array("q"))
    probabilities: array[float] = field(default_factory=lambda: array("d"))  # one face after the other
    labels: array[int] = field(default_factory=lambda: array("q"))
    uncertain: bytearray = field(default_factory=bytearray)
    unreliable: bytearray = field(default_factory=bytearray)
    boxes: array[float] = field(default_factory=lambda: array("d"))
    baseline: str | None = None

    def track(self, person: Who, *others: _Face) -> Track:
        """Return the track, with the faces of other lists after its own."""
        parts = (self, *others)
        faces = sum(len(part.frames) for part in parts)
        return Track(
            person,
            tuple(self.numbers),
            np.concatenate([np.array(part.frames, np.int64) for part in parts]),
            np.concatenate([np.array(part.probabilities) for part in parts]).reshape(faces, -1),
            np.concatenate([np.array(part.labels, np.int64) for part in parts]),
            np.concatenate([np.array(part.uncertain, np.bool_) for part in parts]),
            np.concatenate([np.array(part.unreliable, np.bool_) for part in parts]),
            np.concatenate([np.array(part.boxes) for part in parts]).reshape(faces, 4),
            self.baseline,
        )


class RecordingBuilder:
    """Collects the rows of one video, frame by frame, with the decimals of tables: saved rows give the same recording."""

    def __init__(self, source: str, classes: Sequence[str], *, until_s: float | None = None) -> None:
        self._source, self._classes, self._until_s = source, tuple(classes), until_s
        self._index = {name: index for index, name in enumerate(self._classes)}
        self._numbers, self._times = array("q"), array("d")
        self._decoded, self._has_face = bytearray(), bytearray()
        self._tracks: dict[Who, _Face] = {}
        self._smaller = _Face()  # faces without a track beside a larger one

    @property
    def is_empty(self) -> bool:
        """Whether no frame was added."""
        return not self._numbers

    def continues_with(self, prediction: Prediction) -> bool:
        """Return whether a row is of the same video, and of the same or a later frame."""
        return prediction.source == self._source and (prediction.frame or 0) >= self._numbers[-1]

    def add(self, prediction: Prediction) -> None:
        """Add a row of a frame."""
        if not self._numbers or self._numbers[-1] != prediction.frame:
            self._numbers.append(prediction.frame or 0)
            self._times.append(round(prediction.time_s or 0.0, 6))
            self._decoded.append(prediction.status != "decode_error")
            self._has_face.append(False)
        if prediction.status not in CLASSIFIED or prediction.detection is None or prediction.probabilities is None:
            return
        self._has_face[-1] = True
        index = len(self._numbers) - 1
        face = self._tracks.setdefault(prediction.who, _Face())
        if face.frames and face.frames[-1] == index:
            if prediction.who is not None:
                return
            face = self._smaller  # without tracking, the first face of a frame is the largest
        if prediction.track is not None:
            face.numbers[prediction.track] = None
        score = None if prediction.detection.score is None else round(prediction.detection.score, 4)
        face.frames.append(index)
        face.probabilities.extend(round(prediction.probabilities[name], 6) for name in self._classes)
        face.labels.append(self._index[prediction.label or ""])
        face.uncertain.append(prediction.is_doubtful)
        face.unreliable.append(prediction.status == "too_small" or (score is not None and score < MIN_FACE_SCORE))
        face.boxes.extend(prediction.detection.box_xyxy)
        face.baseline = face.baseline or prediction.baseline

    def recording(self) -> Recording:
        """Return the video so far, which has a frame."""
        begin_s = np.array(self._times)
        tracked: dict[Who, _Face] = {who: face for who, face in self._tracks.items() if who is not None}
        untracked = self._tracks.get(None)
        shown: dict[Who, _Face] = {None: untracked} if untracked is not None and not tracked else tracked
        return Recording(
            self._source,
            self._classes,
            np.array(self._numbers, np.int64),
            begin_s,
            frame_ends(begin_s, self._until_s),
            np.array(self._decoded, np.bool_),
            np.array(self._has_face, np.bool_),
            tuple(face.track(who) for who, face in shown.items()),
            untracked.track(None, self._smaller) if tracked and untracked is not None else None,
        )
