"""What `fer predict` tells a person: a table of faces for pictures, a summary for each video, the time of every stage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fercli.cli import console
from fercli.results import lost_frames

if TYPE_CHECKING:
    from fercli.predict.predict import Reading
    from fercli.results import Prediction
    from fercli.system.stopwatch import Stopwatch

_BAR = 20  # characters
_STAGES = ("decode", "detect", "align", "classify", "follow", "write")


@dataclass
class _Video:
    """Running counts of one video."""

    frames: int = 0
    without_face: int = 0
    faces: int = 0
    doubtful: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    end_s: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)


class Report:
    """Collects readings in little memory."""

    def __init__(self) -> None:
        self._failed: dict[str, str] = {}
        self.frames = 0
        self.earlier = 0
        self.faces = 0
        self._rows: list[list[object]] = []
        self._places: dict[str, str] = {}
        self._videos: dict[str, _Video] = {}
        self._read: set[str] = set()

    @property
    def failed(self) -> list[tuple[str, str]]:
        """(name, reason) of sources that could not be read, or not completely."""
        lost = {path: lost_frames(video.lost) for path, video in self._videos.items()}
        return list({**{path: why for path, why in lost.items() if why}, **self._failed}.items())

    @property
    def whole(self) -> int:
        """Sources that were read completely."""
        return len(self._read - {path for path, _ in self.failed})

    def add_failed(self, path: str, reason: str) -> None:
        """Note a source that could not be read."""
        self._failed[path] = reason

    def add_earlier(self, path: str, fault: str | None) -> None:
        """Count a source that an earlier run has read."""
        self.earlier += 1
        self._read.add(path)
        if fault:
            self.add_failed(path, fault)

    def add(self, reading: Reading) -> None:
        """Count one picture or frame."""
        path = reading.source.name
        if reading.rgb is None and reading.frame is None:
            self.add_failed(path, reading.fault or "")
            return
        self._read.add(path)
        if reading.rgb is None:
            self._videos.setdefault(path, _Video()).lost += 1
            return
        self.frames += 1
        self.faces += len(reading.faces)
        if reading.source.kind == "video":
            self._add_frame(self._videos.setdefault(path, _Video()), reading)
        else:
            self._places[path] = str(reading.source.relative)
            self._rows += [_row(prediction) for prediction in reading.predictions]

    def _add_frame(self, video: _Video, reading: Reading) -> None:
        video.frames += 1
        video.faces += len(reading.faces)
        video.without_face += not reading.faces
        video.end_s = reading.time_s or 0.0
        video.doubtful.update(face.status.replace("_", " ") for face in reading.faces if face.is_doubtful)
        video.labels.update(face.label for face in reading.faces if face.label and not face.is_doubtful)

    def show(self) -> None:
        """Write the tables to stdout."""
        if self.earlier:
            console.say(f"sources that an earlier run finished: {self.earlier}")
        if self._rows:
            columns = ["picture", "face", "expression", "probability", "second best", "box (left top right bottom)"]
            # names below the folders that were given, unless two of them would be the same
            short = self._places if len(set(self._places.values())) == len(self._places) else {}
            rows = [[short.get(str(path), path), *cells] for path, *cells in self._rows]
            console.show(console.table(None, columns, rows))
        for path, video in self._videos.items():
            _show_video(path, video)

    def tell_times(self, watch: Stopwatch, engine: str) -> None:
        """Tell on stderr where the time went."""
        total_s, seconds = watch.total_s, watch.seconds
        stages = ", ".join(f"{name} {seconds.get(name, 0.0):.2f} s" for name in _STAGES)
        console.say(
            f"{self.frames} frames, {self.faces} faces in {total_s:.2f} s "
            f"({self.frames / total_s:.1f} frames a second, {engine}): {stages} (decode beside the others)"
        )


def _row(prediction: Prediction) -> list[object]:
    if prediction.found is None or prediction.label is None:
        return [prediction.source, None, "no face", None, None, None]
    ranked = sorted((prediction.probabilities or {}).items(), key=lambda item: -item[1])
    return [
        prediction.source,
        prediction.face,
        f"{prediction.status.replace('_', ' ')} ({prediction.label})" if prediction.is_doubtful else prediction.label,
        f"{ranked[0][1]:.1%}",
        f"{ranked[1][0]} {ranked[1][1]:.1%}",
        " ".join(f"{value:.0f}" for value in prediction.found.box_xyxy),
    ]


def _show_video(path: str, video: _Video) -> None:
    title = (
        f"{path}: {video.frames} frames, the last at {video.end_s:.1f} s; {video.faces} faces, "
        f"{video.without_face} frames without a face"
    )
    if video.lost:
        title += f", {video.lost} could not be decoded"
    counts = [*video.labels.most_common(), *video.doubtful.most_common()]
    rows = [
        [label, count, f"{count / video.faces:.1%}", "█" * round(_BAR * count / video.faces)] for label, count in counts
    ]
    console.show(title)
    if rows:
        console.show(console.table(None, ["expression", "faces", "share", ""], rows))
