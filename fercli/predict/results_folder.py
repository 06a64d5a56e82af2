"""The folder of `fer predict --out`: copies, reports and tables of all sources; an interrupted run can continue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from fercli.coding.code import write_coding
from fercli.coding.correction import Correction
from fercli.errors import DataError
from fercli.media.images import Rgb, read_rgb
from fercli.media.sources import Source
from fercli.predict.annotated_copies import AnnotatedCopies, ignore_note
from fercli.predict.face_blur import FaceBlur
from fercli.predict.job import CSV_NAME, Job
from fercli.predict.privacy import Privacy
from fercli.predict.record import record_run
from fercli.predict.report.folder import FolderReports
from fercli.results import Prediction, is_frame, lost_frames
from fercli.rows.records import prediction_from_record, prediction_record
from fercli.rows.run_record import write_settings
from fercli.weights.card import WeightsCard


class ResultsFolder:
    """Writes the outputs of every source; one is complete before the next one begins.

    settings: what shapes the predictions. shown_settings: what the reports and predictions.csv.settings.json show (default:
    `settings`). bom: begin CSV files with a byte order mark.
    privacy: what copies and reports show of people. correction: of the shares of time.
    on_note: called with a source and a sentence about its copy, such as missing sound.
    todo: sources that remain to be read. finished: sources that an earlier run read; removed: those of them that this
    run was not given.
    Raises: RefusedError from the constructor if the folder holds files that may be neither replaced nor continued.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        card: WeightsCard,
        settings: Mapping[str, object],
        *,
        shown_settings: Mapping[str, object] | None = None,
        resume: bool = False,
        overwrite: bool = False,
        bom: bool = False,
        on_note: Callable[[Source, str], None] = ignore_note,
        privacy: Privacy | None = None,
        correction: Correction | None = None,
    ) -> None:
        self._job = Job(folder, sources, card.labels, settings, resume=resume, overwrite=overwrite, bom=bom)
        self._has_videos, self._bom = any(source.kind == "video" for source in sources), bom
        self._table, self._run = folder / CSV_NAME, record_run(card, shown_settings or settings)
        self.removed = self._job.removed if resume else []
        self.finished = [source for source in sources if self._job.is_finished(source)] + self.removed
        self.todo = [source for source in sources if not self._job.is_finished(source)]
        privacy = privacy or Privacy()
        self._blur = FaceBlur() if privacy.blur_faces else None
        taken, replace = self._job.copies(), resume or overwrite
        self._copies = AnnotatedCopies(
            folder, sources, taken=taken, overwrite=replace, on_note=on_note, drawn=privacy.drawn
        )
        self._correction = correction
        self._pages = FolderReports(
            folder,
            sources,
            card,
            shown_settings or settings,
            taken=taken,
            has_removed=bool(self.removed),
            overwrite=replace,
            pictures=privacy.pictures,
            correction=correction,
        )
        self._sources, self._shown = tuple(sources), 0
        self._order = {source.key: index for index, source in enumerate(sources)}
        self._earlier = {source.key for source in self.finished}
        self._open = ExitStack()
        self._source: Source | None = None
        self._was_read, self._lost_frames = False, 0
        self._fault: str | None = None

    def __enter__(self) -> ResultsFolder:
        with ExitStack() as opened:
            for part in (self._job, self._pages, self._copies):
                opened.enter_context(part)
            self._open = opened.pop_all()
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is None:
            try:
                self._end_source()
                self._show_finished(before=None)
                for source in self.removed:
                    self._show(source)
                    self._pages.add_removed(source, self._job.rows_of(source))
            except BaseException as raised:
                self._open.__exit__(type(raised), raised, raised.__traceback__)
                raise
        self._open.__exit__(kind, *error)
        if kind is None:
            write_settings(self._table, self._run)
            if self._has_videos:
                write_coding(self._table.parent, bom=self._bom, correction=self._correction)

    def earlier(self) -> Iterator[tuple[Source, Iterator[Prediction], str | None]]:
        """Yield every finished source with its rows and what could not be decoded of it."""
        for source in self.finished:
            yield source, self._job.rows_of(source), self._job.fault_of(source)

    def add(
        self,
        source: Source,
        rgb: Rgb | None,
        predictions: Sequence[Prediction],
        *,
        time_s: float | None = None,
        duration_s: float | None = None,
    ) -> None:
        """Add a picture or the next frame of a video; rgb None: it, or the rest of the video, could not be read."""
        if self._source is None or source.key != self._source.key:
            self._end_source()
            self._show_finished(before=source)
            self._source, self._was_read, self._lost_frames, self._fault = source, False, 0, None
        predictions = [
            prediction_from_record(prediction_record(row)) for row in predictions
        ]  # as a resumed run reads them
        self._job.add(predictions)
        if rgb is not None and self._blur is not None:
            rgb = self._blur.blurred(source, rgb, predictions, time_s=time_s)
        self._pages.add(source, rgb, predictions, time_s=time_s)
        if rgb is not None:
            self._was_read = True
            self._copies.add(source, rgb, predictions, time_s=time_s, duration_s=duration_s)
        elif is_frame(predictions):
            self._lost_frames += 1
        else:
            self._fault = predictions[0].detail

    def _end_source(self) -> None:
        if self._source is None:
            return
        if not self._was_read:
            self._job.skip(self._source)
            return
        self._copies.end_video()
        self._pages.end_video()
        self._job.end(
            self._source,
            copy=self._copies.paths[self._source.key],
            fault=self._fault or lost_frames(self._lost_frames),
        )

    def _show_finished(self, *, before: Source | None) -> None:
        """Show the finished sources that precede a source in the order of the inputs; all that are left for None."""
        last = len(self._sources) if before is None else self._order[before.key]
        while self._shown < last:
            source = self._sources[self._shown]
            self._shown += 1
            if source.key in self._earlier:
                self._show(source)

    def _show(self, source: Source) -> None:
        if source.kind == "video" or is_frame(list(islice(self._job.rows_of(source), 1))):
            self._pages.add_finished(source, self._job.rows_of(source))
            return
        try:
            rgb = read_rgb(source.path)
        except DataError:
            return  # the file was deleted since; its rows are kept
        predictions = list(self._job.rows_of(source))
        if self._blur is not None:
            rgb = self._blur.blurred(source, rgb, predictions, time_s=None)
        self._pages.add(source, rgb, predictions)
