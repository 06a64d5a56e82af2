"""Videos read back from rows: when every frame is shown, and who is in view with which probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fercli.results import CLASSIFIED, MIN_FACE_SCORE, Prediction

ONLY_FRAME_S = 0.04  # duration of the only frame of a video


@dataclass(frozen=True)
class Track:
    """One person of a video, in the K frames in which they are in view.

    person: the number of the track, or the name of the person, as text; None without tracking, where the largest face of every
    frame counts. frames: [K] indices into the frames of the recording, ascending. probabilities: [K, N]. labels: [K] index of
    the predicted class. uncertain: [K] the status is not `ok`. unreliable: [K] too small, or perhaps not a face: its
    probabilities say nothing (the other uncertain faces are those whose probability is low). boxes: [K, 4] left, top, right,
    bottom in pixels.
    """

    person: str | None
    frames: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    uncertain: NDArray[np.bool_]
    unreliable: NDArray[np.bool_]
    boxes: NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """One video, T frames of which were read.

    source: as in the rows. classes: N names. numbers: [T] frame numbers of the video. begin_s, end_s: [T] when a frame is
    shown: until the next one begins, the last one as long as the one before it. decoded: [T] False for frames that could not
    be decoded. has_face: [T]. tracks: in order of their first frame.
    """

    source: str
    classes: tuple[str, ...]
    numbers: NDArray[np.int64]
    begin_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    decoded: NDArray[np.bool_]
    has_face: NDArray[np.bool_]
    tracks: tuple[Track, ...]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long every frame is shown: [T]."""
        return self.end_s - self.begin_s

    @property
    def frames_per_second(self) -> float:
        """How many frames were read per second, on average."""
        duration_s = float(self.end_s[-1] - self.begin_s[0])
        return len(self.numbers) / duration_s if duration_s > 0 else 0.0


def person_of(prediction: Prediction) -> str | None:
    """Return the name of the person of a row, else the number of the track as text; None without tracking."""
    return None if prediction.who is None else str(prediction.who)


def frame_ends(begin_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return when frames [T] end that begin at ascending times [T]."""
    if len(begin_s) < 2:
        return begin_s + ONLY_FRAME_S
    return np.append(begin_s[1:], begin_s[-1] + (begin_s[-1] - begin_s[-2]))


def recordings(predictions: Iterable[Prediction], classes: Sequence[str]) -> Iterator[Recording]:
    """Yield the videos of rows in order; pictures are left out.

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
            builder = RecordingBuilder(prediction.source, classes)
        builder.add(prediction)
    if builder is not None:
        yield builder.recording()


@dataclass
class _Face:
    """Lists of the columns of a track."""

    frames: list[int] = field(default_factory=list)
    probabilities: list[list[float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    uncertain: list[bool] = field(default_factory=list)
    unreliable: list[bool] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)


class RecordingBuilder:
    """Collects the rows of one video, frame by frame, with the decimals of tables: saved rows give the same recording."""

    def __init__(self, source: str, classes: Sequence[str]) -> None:
        self._source, self._classes = source, tuple(classes)
        self._index = {name: index for index, name in enumerate(self._classes)}
        self._numbers: list[int] = []
        self._times: list[float] = []
        self._decoded: list[bool] = []
        self._has_face: list[bool] = []
        self._tracks: dict[str | None, _Face] = {}

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
        face = self._tracks.setdefault(person_of(prediction), _Face())
        if face.frames and face.frames[-1] == index:
            return  # without tracking, the first face of a frame is the largest
        score = None if prediction.detection.score is None else round(prediction.detection.score, 4)
        face.frames.append(index)
        face.probabilities.append([round(prediction.probabilities[name], 6) for name in self._classes])
        face.labels.append(self._index[prediction.label or ""])
        face.uncertain.append(prediction.is_doubtful)
        face.unreliable.append(prediction.status == "too_small" or (score is not None and score < MIN_FACE_SCORE))
        face.boxes.append(prediction.detection.box_xyxy)

    def recording(self) -> Recording:
        """Return the video so far, which has a frame."""
        begin_s = np.array(self._times)
        return Recording(
            self._source,
            self._classes,
            np.array(self._numbers),
            begin_s,
            frame_ends(begin_s),
            np.array(self._decoded),
            np.array(self._has_face),
            tuple(
                Track(
                    person,
                    np.array(face.frames),
                    np.array(face.probabilities),
                    np.array(face.labels),
                    np.array(face.uncertain),
                    np.array(face.unreliable),
                    np.array(face.boxes),
                )
                for person, face in self._tracks.items()
            ),
        )
