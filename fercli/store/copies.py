"""Frames and their predictions in, annotated pictures and H.264 videos on disk out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fercli.media.draw import annotate
from fercli.media.images import WRITABLE_SUFFIXES, Rgb, write_image
from fercli.media.sources import Source
from fercli.media.video_writer import VideoWriter
from fercli.results import Prediction
from fercli.store.atomic import refuse_existing, replacing


class AnnotatedCopies:
    """Writes a copy of every picture and video below one folder, each complete or not at all.

    paths: where each source's copy goes, by source path; videos become .mp4.
    Raises: RefusedError at once if one of them is there and may not be replaced.
    """

    def __init__(self, folder: Path, sources: Sequence[Source], *, overwrite: bool = False) -> None:
        self.paths = copy_paths(folder, sources)
        for path in self.paths.values():
            refuse_existing(path, overwrite=overwrite)
        self._video: Path | None = None
        self._writer: VideoWriter | None = None
        self._open = ExitStack()

    def __enter__(self) -> AnnotatedCopies:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def add(self, source: Source, rgb: Rgb, predictions: Sequence[Prediction], *, time_s: float | None = None) -> None:
        """Write a picture, or append a frame shown from `time_s` on; the frames of a video come one after the other."""
        drawn = annotate(rgb, predictions)
        if source.path != self._video:
            self._open.close()
        if source.kind == "image":
            write_image(self.paths[source.path], drawn)
            return
        if source.path != self._video or self._writer is None:
            self._video = source.path
            temporary = self._open.enter_context(replacing(self.paths[source.path]))
            self._writer = self._open.enter_context(VideoWriter(temporary, sound=source.path))
        self._writer.write(drawn, time_s or 0.0)


def copy_paths(folder: Path, sources: Sequence[Source]) -> dict[Path, Path]:
    """A place for every source's copy, numbered where two would have the same."""
    paths: dict[Path, Path] = {}
    taken: set[Path] = set()
    for source in sources:
        if source.fault:
            continue
        path = folder / source.relative
        if source.kind == "video":
            path = path.with_suffix(".mp4")
        elif path.suffix.lower() not in WRITABLE_SUFFIXES:
            path = path.with_name(path.name + ".png")
        wanted, number = path, 2
        while path in taken:
            path, number = wanted.with_stem(f"{wanted.stem}-{number}"), number + 1
        taken.add(path)
        paths[source.path] = path
    return paths
