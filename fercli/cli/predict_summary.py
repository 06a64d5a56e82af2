"""What `fer predict` shows at the end: a table of faces for pictures, a summary of each video, the time of every stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fercli.cli import console
from fercli.coding.recordings import ONLY_FRAME_S, UNCERTAIN
from fercli.formatting import percent, percents, pluralize, printable, probability_percent, without_middle
from fercli.results import lost_frames

if TYPE_CHECKING:
    from fercli.predict.image_result import ImageResult
    from fercli.results import Prediction
    from fercli.system.stopwatch import Stopwatch

UNREADABLE_FIX = "check the path and that a viewer opens the file"
_BAR_LENGTH = 20  # characters
_NAME = 16  # characters of a shortened name at least
_STAGES = ("decode", "detect", "align", "classify", "track", "write")
_COLUMNS = ("picture", "face", "expression", "probability", "second best", "box (left top right bottom)")


@dataclass
class _Video:
    """Running counts of one video. seconds: time per expression in view, and `uncertain`; a frame lasts until the next one."""

    frames: int = 0
    without_face: int = 0
    faces: int = 0
    lost: int = 0
    end_s: float = 0.0
    until_s: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    _shown: list[str] = field(default_factory=list)
    _begin_s: float | None = None
    _interval_s: float = ONLY_FRAME_S

    def next_frame(self, time_s: float, shown: list[str]) -> None:
        """Begin a frame that shows these expressions."""
        if self._begin_s is not None:
            self._interval_s = max(time_s - self._begin_s, 0.0)
            self._count()
        self._begin_s, self._shown = time_s, shown

    def finish(self) -> None:
        """End the last frame, which lasts as long as the one before it, but not beyond the end that was asked for."""
        if self.until_s is not None and self._begin_s is not None:
            self._interval_s = max(min(self._interval_s, self.until_s - self._begin_s), 0.0)
        self._count()
        self._shown = []

    def _count(self) -> None:
        for name in self._shown:
            self.seconds[name] = self.seconds.get(name, 0.0) + self._interval_s


class RunSummary:
    """Counts results in constant memory per video; of pictures it keeps a row per face.

    track: tracking is on. pictures, frames, faces: how many were read. finished_earlier: sources that an interrupted run had
    finished.
    """

    def __init__(self, *, track: bool = True) -> None:
        self._track = track
        self.pictures = self.frames = self.faces = self.finished_earlier = 0
        self._failed: dict[str, str] = {}
        self._fixes: dict[str, str] = {}
        self._notes: dict[str, list[str]] = {}
        self._rows: list[tuple[object, ...]] = []
        self._short_names: dict[str, str] = {}
        self._videos: dict[str, _Video] = {}
        self._read: set[str] = set()

    @property
    def images(self) -> int:
        """Pictures and frames that were read."""
        return self.pictures + self.frames

    @property
    def failed(self) -> list[tuple[str, str]]:
        """(name, reason) of sources that could not be read, or not completely."""
        lost = {path: lost_frames(video.lost) for path, video in self._videos.items()}
        return list({**{path: reason for path, reason in lost.items() if reason}, **self._failed}.items())

    @property
    def complete(self) -> int:
        """Number of sources that were read completely."""
        return len(self._read - {path for path, _ in self.failed})

    def add_failed(self, path: str, reason: str, fix: str | None = None) -> None:
        """Count a source that could not be read. fix: what to do about it, if that is known."""
        self._failed[path] = reason
        if fix is not None:
            self._fixes[path] = fix

    def fix_of(self, path: str) -> str:
        """Return what to do about a source that could not be read."""
        return self._fixes.get(path, UNREADABLE_FIX)

    def add_note(self, path: str, note: str) -> None:
        """Keep a sentence about a source that was read, such as one about its sound."""
        self._notes.setdefault(path, []).append(note)

    def warn_of_notes(self, others: Iterable[str] = ()) -> None:
        """Write the notes, and other warnings, to stderr."""
        for text in others:
            console.warn(printable(text))
        for path, notes in self._notes.items():
            console.warn(f"{path}: {'; '.join(notes)}")

    def add_earlier(self, path: str, fault: str | None) -> None:
        """Count a source that an interrupted run had finished."""
        self.finished_earlier += 1
        self._read.add(path)
        if fault:
            self.add_failed(path, fault)

    def add(self, result: ImageResult) -> None:
        """Count one picture or frame."""
        path = result.source.name
        if result.note:
            self.add_note(path, result.note)
        if result.rgb is None and result.frame is None:
            self.add_failed(path, result.fault or "", result.fix)
            return
        self._read.add(path)
        if result.rgb is None:
            video = self._video(result)
            video.lost += 1
            video.next_frame(result.time_s or 0.0, [])
            return
        self.faces += len(result.faces)
        if result.source.kind == "video":
            self.frames += 1
            self._add_frame(self._video(result), result)
        else:
            self.pictures += 1
            self._short_names[path] = str(result.source.relative)
            self._rows += [_row(prediction) for prediction in result.predictions]

    def _video(self, result: ImageResult) -> _Video:
        return self._videos.setdefault(result.source.name, _Video(until_s=result.source.selection.end_s))

    def _add_frame(self, video: _Video, result: ImageResult) -> None:
        video.frames += 1
        video.faces += len(result.faces)
        video.without_face += not result.faces
        video.end_s = result.time_s or 0.0
        # without tracking, the largest face of a frame counts, as in summary.csv
        faces = result.faces if self._track else [face for face in result.faces if face.face == 0]
        video.next_frame(video.end_s, [UNCERTAIN if face.is_doubtful else face.label or "" for face in faces])

    def show(self, *, quiet: bool = False) -> None:
        """Write the tables to stdout, and to stderr, unless `quiet`, how much was read earlier."""
        if self.finished_earlier and not quiet:
            console.say(f"{pluralize(self.finished_earlier, 'source')} finished by an earlier run")
        if self._rows:
            # names below the given folders, unless two of them are the same
            names = self._short_names if len(set(self._short_names.values())) == len(self._short_names) else {}
            rows = [[names.get(str(path), path), *cells] for path, *cells in self._rows]
            console.show(console.table(None, *_fitted(rows, console.width())))
        for path, video in self._videos.items():
            _show_video(path, video)

    def show_times(self, watch: Stopwatch, engine: str) -> None:
        """Write to stderr how long every stage took; nothing if nothing was read."""
        if not self.images:
            return
        counts = [(self.pictures, "picture"), (self.frames, "frame"), (self.faces, "face")]
        read = ", ".join(pluralize(count, noun) for count, noun in counts if count or noun == "face")
        unit = "images" if self.pictures and self.frames else "frames" if self.frames else "pictures"
        stages = ", ".join(f"{name} {watch.seconds.get(name, 0.0):.2f} s" for name in _STAGES)
        console.say(
            f"{read} in {watch.total_s:.2f} s ({self.images / watch.total_s:.1f} {unit} per second, {engine}): "
            f"{stages} (decoding runs in parallel)"
        )


def _fitted(rows: list[list[object]], width: int) -> tuple[tuple[str, ...], list[list[object]]]:
    """Columns and rows for a terminal: the box is left out where it has no room, then names lose their middle."""

    def room_for_names(count: int) -> int:
        others = [max(len(str(row[column] or "")) for row in (_COLUMNS, *rows)) for column in range(1, count)]
        return width - sum(others) - 3 * count - 1

    longest = max(len(printable(str(row[0]))) for row in rows)
    count = len(_COLUMNS) if room_for_names(len(_COLUMNS)) >= min(longest, _NAME) else len(_COLUMNS) - 1
    room = max(_NAME, room_for_names(count))
    return _COLUMNS[:count], [[without_middle(printable(str(row[0])), room), *row[1:count]] for row in rows]


def _row(prediction: Prediction) -> tuple[object, ...]:
    if prediction.detection is None or prediction.label is None:
        return (prediction.source, None, "no face", None, None, None)
    (_, highest), (second, second_value), *_ = sorted(
        (prediction.probabilities or {}).items(), key=lambda item: -item[1]
    )
    status = f"{prediction.status.replace('_', ' ')} ({prediction.label})"
    return (
        prediction.source,
        prediction.face,
        status if prediction.is_doubtful else prediction.label,
        probability_percent(highest),
        f"{second} {percent(second_value)}",
        " ".join(f"{value:.0f}" for value in prediction.detection.box_xyxy),
    )


def _show_video(path: str, video: _Video) -> None:
    title = (
        f"{path}: {pluralize(video.frames, 'frame')}, the last at {video.end_s:.1f} s; "
        f"{pluralize(video.faces, 'face')}, {pluralize(video.without_face, 'frame')} without a face"
    )
    if video.lost:
        title += f", {video.lost:,} could not be decoded"
    video.finish()
    # longest first, uncertain time last
    times = sorted(video.seconds.items(), key=lambda item: (item[0] == UNCERTAIN, -item[1]))
    total_s = sum(seconds for _, seconds in times)
    from fercli.coding.summary import whole_shares

    shares = percents(whole_shares([seconds for _, seconds in times]), 1)  # as in summary.csv
    rows = [
        [name, f"{seconds:.1f}", share, "█" * round(_BAR_LENGTH * seconds / max(total_s, 1e-9))]
        for (name, seconds), share in zip(times, shares, strict=True)
    ]
    console.show(printable(title))
    if rows:
        console.show(console.table(None, ["expression", "seconds", "share of the time in view", ""], rows))
