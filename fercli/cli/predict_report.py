"""What `fer predict` tells a person: a table of faces for pictures, a summary for each video, the time of every stage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fercli.cli import console

if TYPE_CHECKING:
    from fercli.core.stopwatch import Stopwatch
    from fercli.results import Prediction
    from fercli.steps.predict import Reading

_BAR = 20  # characters


@dataclass
class _Video:
    """Running counts of one video."""

    frames: int = 0
    without_face: int = 0
    faces: int = 0
    uncertain: int = 0
    end_s: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)


class Report:
    """Collects readings in little memory. failed: (path, reason) of sources that could not be read, or not to the end."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []
        self.frames = 0
        self.faces = 0
        self._rows: list[list[object]] = []
        self._places: dict[str, str] = {}
        self._videos: dict[str, _Video] = {}
        self._read: set[str] = set()

    @property
    def whole(self) -> int:
        """Sources that were read to the end."""
        return len(self._read - {path for path, _ in self.failed})

    def add_failed(self, path: str, reason: str) -> None:
        """Note a source that could not be read."""
        self.failed.append((path, reason))

    def add(self, reading: Reading) -> None:
        """Count one picture or frame."""
        path = str(reading.source.path)
        if reading.rgb is None:
            self.add_failed(path, reading.predictions[0].detail or "")
            return
        self._read.add(path)
        self.frames += 1
        self.faces += sum(prediction.found is not None for prediction in reading.predictions)
        if reading.source.kind == "video":
            self._add_frame(self._videos.setdefault(path, _Video()), reading)
        else:
            self._places[path] = str(reading.source.relative)
            self._rows += [_row(prediction) for prediction in reading.predictions]

    def _add_frame(self, video: _Video, reading: Reading) -> None:
        faces = [prediction for prediction in reading.predictions if prediction.found is not None]
        video.frames += 1
        video.faces += len(faces)
        video.without_face += not faces
        video.end_s = reading.time_s or 0.0
        video.uncertain += sum(prediction.status == "uncertain" for prediction in faces)
        video.labels.update(prediction.label for prediction in faces if prediction.label and prediction.status == "ok")

    def show(self) -> None:
        """Write the tables to stdout."""
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
        total_s = watch.total_s
        stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in watch.seconds.items())
        console.say(
            f"{self.frames} frames, {self.faces} faces in {total_s:.2f} s "
            f"({self.frames / total_s:.1f} frames a second, {engine}): {stages}"
        )


def _row(prediction: Prediction) -> list[object]:
    if prediction.found is None or prediction.label is None:
        return [prediction.source, None, "no face", None, None, None]
    ranked = sorted((prediction.probabilities or {}).items(), key=lambda item: -item[1])
    uncertain = prediction.status == "uncertain"
    return [
        prediction.source,
        prediction.face,
        f"uncertain ({prediction.label})" if uncertain else prediction.label,
        f"{ranked[0][1]:.1%}",
        f"{ranked[1][0]} {ranked[1][1]:.1%}",
        " ".join(f"{value:.0f}" for value in prediction.found.box_xyxy),
    ]


def _show_video(path: str, video: _Video) -> None:
    title = (
        f"{path}: {video.frames} frames, the last at {video.end_s:.1f} s; {video.faces} faces, "
        f"{video.without_face} frames without a face"
    )
    counts = [*video.labels.most_common(), *([("uncertain", video.uncertain)] if video.uncertain else [])]
    rows = [
        [label, count, f"{count / video.faces:.1%}", "█" * round(_BAR * count / video.faces)] for label, count in counts
    ]
    console.show(title)
    if rows:
        console.show(console.table(None, ["expression", "faces", "share", ""], rows))
