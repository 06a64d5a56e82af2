"""HTML reports in a folder of results: one page per video and an index of the pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fercli.coding.code import code_video
from fercli.coding.correction import Correction
from fercli.coding.recordings import recordings
from fercli.formatting import pluralize
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.predict.annotated_copies import copy_paths, refuse_sources
from fercli.predict.report.overview import video_overview
from fercli.predict.report.page import HtmlReport, poster_of
from fercli.results import Prediction, is_frame
from fercli.system.files import fitting_name, free_name, refuse_existing
from fercli.system.names import clash_key
from fercli.weights.card import WeightsCard

INDEX_NAME = "report.html"
_SUFFIX = ".report.html"


class FolderReports:
    """Writes NAME.report.html beside the copy of every video when the video ends, and report.html as the index.

    The index has the pictures and links to the pages of the videos; a single video has none.
    paths: the report of each video, by the key of the source. taken: copies of an earlier run. has_removed: whether it had
    inputs that this run was not given.
    correction: of the shares of time.
    Raises: RefusedError from the constructor if one of the files exists and `overwrite` is not set.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        card: WeightsCard,
        settings: Mapping[str, object] | None = None,
        *,
        taken: Mapping[str, Path] = MappingProxyType({}),
        has_removed: bool = False,
        overwrite: bool = False,
        pictures: bool = True,
        correction: Correction | None = None,
    ) -> None:
        self._copy_paths = {**taken, **copy_paths(folder, sources, taken)}
        videos = {source.key for source in sources if source.kind == "video"}
        self.paths = {
            key: fitting_name(copy.with_suffix(_SUFFIX)) for key, copy in self._copy_paths.items() if key in videos
        }
        refuse_sources(self.paths.values(), sources)
        for path in self.paths.values():
            refuse_existing(path, overwrite=overwrite)
        self._card, self._settings, self._overwrite, self._pictures = card, settings, overwrite, pictures
        self._correction = correction
        self._index: HtmlReport | None = None
        if len(sources) != 1 or not videos or has_removed:
            self._index = HtmlReport(
                folder / INDEX_NAME, card, settings, overwrite=overwrite, pictures=pictures, correction=correction
            )
        self._folder = folder
        self._video: str | None = None
        self._name = ""
        self._page: HtmlReport | None = None
        self._open, self._open_video = ExitStack(), ExitStack()

    def __enter__(self) -> FolderReports:
        if self._index is not None:
            self._open.enter_context(self._index)
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self._open_video.__exit__(*error)
        finally:
            self._open.__exit__(*error)

    def add(
        self, source: Source, rgb: Rgb | None, predictions: Sequence[Prediction], *, time_s: float | None = None
    ) -> None:
        """Add a picture or the next frame of a video; rgb None: it, or the rest of the video, could not be read."""
        if source.key != self._video:
            self.end_video()
        if source.kind == "video" and (rgb is not None or self._page is not None or is_frame(predictions)):
            (self._page or self._begin(source)).add(source, rgb, predictions, time_s=time_s)
        elif self._index is not None:
            self._index.add(source, rgb, predictions, time_s=time_s)

    def add_finished(self, source: Source, predictions: Iterable[Prediction]) -> None:
        """Link the page of a video that an earlier run wrote, and list what its rows say."""
        if source.key not in self.paths:  # a picture that turned out to be animated
            self.paths[source.key] = fitting_name(self._copy_paths[source.key].with_suffix(_SUFFIX))
        self._link(source)
        if self._index is not None:
            for recording in recordings(predictions, self._card.labels, until_s=source.selection.end_s):
                coded = code_video(recording, correction=self._correction)
                poster = poster_of(self.paths[source.key]) if self._pictures else None
                self._index.add_summary(str(source.relative), coded, video_overview(recording, coded), poster)

    def add_removed(self, source: Source, predictions: Iterable[Prediction]) -> None:
        """Name a source of an earlier run that this one was not given; predictions: its rows."""
        if self._index is not None:
            self._index.add_kept(str(source.relative), _described(predictions))

    def end_video(self) -> None:
        """Complete the page of the current video."""
        section = self._page.end_video() if self._page is not None else None
        self._open_video.close()
        if section is not None and section.coded is not None and self._index is not None:
            self._index.add_summary(self._name, section.coded, section.overview, section.poster)
        self._video, self._page = None, None

    def _link(self, source: Source) -> None:
        if self._index is not None:
            self._index.link(str(source.relative), os.path.relpath(self.paths[source.key], self._folder))

    def _begin(self, source: Source) -> HtmlReport:
        """Open the page of a video with its first frame."""
        if source.key not in self.paths:  # a picture that turned out to be animated
            copy = self._copy_paths[source.key].with_suffix(".mp4")
            existing = () if self._overwrite else copy.parent.glob(f"*{_SUFFIX}")
            taken = {
                clash_key(path.with_name(path.name.removesuffix(_SUFFIX) + ".mp4"))
                for path in (*self.paths.values(), *existing)
            }
            self.paths[source.key] = fitting_name(free_name(copy, taken).with_suffix(_SUFFIX))
        path = self.paths[source.key]
        self._video = source.key
        self._page = self._open_video.enter_context(
            HtmlReport(
                path,
                self._card,
                self._settings,
                overwrite=self._overwrite,
                pictures=self._pictures,
                video=path.with_name(path.name.removesuffix(_SUFFIX) + ".mp4"),
                correction=self._correction,
            )
        )
        self._name = str(source.relative)
        self._link(source)
        return self._page


def _described(predictions: Iterable[Prediction]) -> str:
    """How many frames a video has, or the expressions in a picture."""
    frames, expressions = set(), []
    for prediction in predictions:
        if prediction.frame is None:
            expressions.append(prediction.label or prediction.status.replace("_", " "))
        else:
            frames.add(prediction.frame)
    return pluralize(len(frames), "frame") if frames else ", ".join(expressions)
