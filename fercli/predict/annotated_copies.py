"""Annotated copies of pictures and videos, the videos as H.264 with the original sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fercli.errors import UsageError
from fercli.media.images import Rgb, writable_name, write_image
from fercli.media.sources import Source
from fercli.media.video_writer import VideoWriter
from fercli.predict.draw import annotate
from fercli.predict.job import earlier_copies
from fercli.predict.privacy import Drawn
from fercli.results import Prediction
from fercli.system.background import BackgroundCalls
from fercli.system.files import free_name, refuse_existing, replacing
from fercli.system.names import clash_key, portable_path

_FRAMES_AHEAD = 4  # frames of a video that wait to be drawn and encoded


def ignore_note(*_: object) -> None:
    """For callers that need no notes."""


class AnnotatedCopies:
    """Writes a copy of every picture and video below a folder; a copy gets its name when it is complete.

    The frames of a video are drawn and encoded on another thread.
    paths: the copy of each source, by its key; videos become .mp4. taken: copies of an earlier run. on_note: called with a
    source and a sentence about its copy, such as missing sound. drawn: what the copies show of the predictions.
    Raises: UsageError from the constructor if a copy would replace a source, RefusedError if one of the files exists and
        `overwrite` is not set.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        *,
        taken: Mapping[str, Path] = MappingProxyType({}),
        overwrite: bool = False,
        on_note: Callable[[Source, str], None] = ignore_note,
        drawn: Drawn = "labels",
    ) -> None:
        self._overwrite, self._on_note, self._drawn = overwrite, on_note, drawn
        self.paths = copy_paths(folder, sources, taken)
        refuse_sources(self.paths.values(), sources)
        _refuse_beside_sources(folder, self.paths.values(), sources)
        for path in self.paths.values():
            refuse_existing(path, overwrite=overwrite)
        self._video: Source | None = None
        self._writer: VideoWriter | None = None
        self._calls = BackgroundCalls(ahead=_FRAMES_AHEAD)
        self._open = ExitStack()

    def __enter__(self) -> AnnotatedCopies:
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        try:
            if kind is None:
                self._calls.finish()
        except BaseException as raised:
            self._calls.close()
            self._open.__exit__(type(raised), raised, raised.__traceback__)
            raise
        self._calls.close()
        self._open.__exit__(kind, *error)

    def add(
        self,
        source: Source,
        rgb: Rgb,
        predictions: Sequence[Prediction],
        *,
        time_s: float | None = None,
        duration_s: float | None = None,
    ) -> None:
        """Write a picture, or append a frame that is shown from `time_s` on; the frames of a video come in order.

        The copy of a part of a video starts with the part. duration_s: how long a frame is shown; needed for the last one.
        """
        if source != self._video:
            self.end_video()
        if source.kind == "image":
            write_image(self.paths[source.key], annotate(rgb, predictions, drawn=self._drawn))
            return
        if source != self._video or self._writer is None:
            self._video = source
            temporary = self._open.enter_context(replacing(self._video_path(source)))
            self._writer = self._open.enter_context(VideoWriter(temporary, sound=_sound(source), part=source.selection))
        writer, shown_s = self._writer, max((time_s or 0.0) - source.selection.start_s, 0.0)
        drawn = self._drawn
        self._calls.add(lambda: writer.write(annotate(rgb, predictions, drawn=drawn), shown_s, duration_s=duration_s))

    def end_video(self) -> None:
        """Complete the copy of the current video."""
        self._calls.finish()
        self._open.close()
        if self._video is not None and self._writer is not None and self._writer.note is not None:
            self._on_note(self._video, self._writer.note)
        self._video, self._writer = None, None

    def _video_path(self, source: Source) -> Path:
        """Path of the copy of a video; of an animated picture it has another suffix than the source was expected to have."""
        path = self.paths[source.key]
        if path.suffix != ".mp4":
            existing = () if self._overwrite else path.parent.glob("*.mp4")
            path = free_name(
                path.with_suffix(".mp4"), {clash_key(other) for other in (*self.paths.values(), *existing)}
            )
            self.paths[source.key] = path
        return path


def copy_paths(
    folder: Path, sources: Sequence[Source], taken: Mapping[str, Path] = MappingProxyType({})
) -> dict[str, Path]:
    """Return a path for the copy of every source, numbered where two would be the same.

    taken: paths of an earlier run. Keys of both are those of the sources.
    """
    paths: dict[str, Path] = {}
    used = {clash_key(path) for path in taken.values()}
    for source in sources:
        if source.fault:
            continue
        if (earlier := taken.get(source.key)) is not None:
            paths[source.key] = earlier
            continue
        path = folder / portable_path(source.relative)
        path = path.with_suffix(".mp4") if source.kind == "video" else writable_name(path)
        paths[source.key] = path = free_name(path, used)
        used.add(clash_key(path))
    return paths


def refuse_sources(outputs: Iterable[Path], sources: Sequence[Source]) -> None:
    """Raise UsageError if one of the files to write is one of those to read."""
    files = {source.real_path for source in sources if source.address is None}
    for path in outputs:
        if path.parent.resolve() / path.name in files:
            raise UsageError(f"{path} would be replaced, but is one of the sources", fix="another output folder")


def _refuse_beside_sources(folder: Path, outputs: Iterable[Path], sources: Sequence[Source]) -> None:
    """Raise UsageError if sources are in the folder, and a copy would replace a file that is not a copy of an earlier run."""
    root = folder.resolve()
    if not any(source.address is None and root in source.real_path.parents for source in sources):
        return
    earlier = earlier_copies(folder)
    for path in outputs:
        if path.exists() and path not in earlier:
            raise UsageError(
                f"{path} would be replaced, but is not a result of an earlier run", fix="another output folder"
            )


def _sound(source: Source) -> Path | str | None:
    """Return where the sound of a video can be read again; None if it is live."""
    if source.address is None:
        return source.path
    return None if source.is_live else str(source.address)
