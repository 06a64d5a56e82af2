"""What `fer predict` writes for every result: JSON lines to stdout, tables, an HTML report, a folder of results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fercli.cli import console
from fercli.errors import UsageError
from fercli.predict.privacy import Privacy

if TYPE_CHECKING:
    from fercli.cli.predict_summary import RunSummary
    from fercli.coding.correction import Correction
    from fercli.media.sources import Source
    from fercli.predict.face_blur import FaceBlur
    from fercli.predict.image_result import ImageResult
    from fercli.predict.parts import PartsFolder, SourceList
    from fercli.predict.processing_log import ProcessingLog
    from fercli.predict.report.page import HtmlReport
    from fercli.predict.results_folder import ResultsFolder
    from fercli.results import Prediction
    from fercli.rows.table import TableWriter
    from fercli.weights.card import WeightsCard


@dataclass(frozen=True)
class OutputOptions:
    """The outputs that the options name.

    Raises: UsageError, RefusedError for options that contradict each other and files that exist, before any work.
    """

    json: bool
    tables: tuple[Path, ...]
    report: Path | None
    folder: Path | None
    resume: bool
    overwrite: bool
    bom: bool = False
    privacy: Privacy = field(default_factory=Privacy)
    shard: str | None = None
    confusion: Path | None = None

    def __post_init__(self) -> None:
        from fercli.rows.formats import check_table_path

        if self.bom and self.folder is None and not any(path.suffix == ".csv" for path in self.tables):
            raise UsageError("--bom is for csv files, and none is written", fix="--save FILE.csv, or --out DIR")
        if self.resume and self.folder is None:
            raise UsageError("--resume needs the folder of the interrupted run", fix="--out DIR --resume")
        if self.resume and self.report is not None:
            raise UsageError(
                "--report covers all sources, but --resume reads only the remaining ones",
                fix="remove --report: --out writes one report per video",
            )
        if self.privacy != Privacy() and self.folder is None and self.report is None:
            raise UsageError("there are no copies and reports whose pictures could be changed", fix="--out DIR")
        if self.confusion is not None and ((self.folder is None and self.report is None) or self.shard is not None):
            raise UsageError("--confusion corrects shares in summary.csv and reports", fix="--out DIR, without --shard")
        if self.shard is not None:
            self._check_shard()
        for path in self.tables:
            check_table_path(path, overwrite=self.replace_tables)

    @property
    def needs_pixels(self) -> bool:
        """Whether copies or pages show what was read."""
        return self.report is not None or (self.folder is not None and self.shard is None)

    def _check_shard(self) -> None:
        from fercli.rows.parquet import PARQUET
        from fercli.system.shards import Shard

        Shard.parse(self.shard or "")
        if self.folder is None:
            raise UsageError("--shard needs a folder for the parts", fix="--out PARTS --shard 1/40")
        if self.overwrite or self.resume:
            raise UsageError(
                "--shard always continues, and never replaces a finished part", fix="remove --resume and --overwrite"
            )
        PARQUET.check()

    def of_shard(self, sources: list[Source]) -> tuple[list[Source], SourceList | None]:
        """Return those sources that belong to the shard, and what all shards were given; all sources without a shard."""
        from fercli.predict.parts import SourceList, shard_sources
        from fercli.system.shards import Shard

        if self.shard is None:
            return sources, None
        return shard_sources(Shard.parse(self.shard), sources), SourceList.of(sources)

    def correction(self, card: WeightsCard, settings: Mapping[str, object]) -> Correction | None:
        """Read the confusion matrix of --confusion, which must have been measured with these settings."""
        if self.confusion is None:
            return None
        from fercli.evaluate.correction_file import read_correction
        from fercli.predict.record import record_run

        found = read_correction(self.confusion, card.labels)
        found.check(record_run(card, settings))
        return found

    @property
    def replace_tables(self) -> bool:
        """Whether tables that exist are replaced: a resumed run writes all rows again."""
        return self.overwrite or self.resume

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders that are written."""
        return tuple(path for path in (self.folder, self.report, *self.tables) if path is not None)


class Outputs:
    """All outputs of a run, open.

    settings: what shapes the predictions. runs_on: engine and device. whole: the list of sources that shards divide.
    log: records what is read and stored.
    correction: of the shares of time.
    todo: sources that remain to be read. finished: sources that an earlier run read.
    """

    def __init__(
        self,
        options: OutputOptions,
        sources: Sequence[Source],
        card: WeightsCard,
        settings: Mapping[str, object],
        summary: RunSummary,
        *,
        runs_on: str,
        whole: SourceList | None = None,
        log: ProcessingLog | None = None,
        correction: Correction | None = None,
    ) -> None:
        from fercli.predict.record import record_run

        self._options, self._card, self._summary, self._log = options, card, summary, log
        self._shown = {**settings, "engine": runs_on}
        self._run = record_run(card, self._shown)
        self._folder: ResultsFolder | PartsFolder | None = None
        self._report: HtmlReport | None = None
        self._tables: list[TableWriter] = []
        self._open = ExitStack()
        self._blur: FaceBlur | None = None
        if options.privacy.blur_faces and options.report is not None:
            from fercli.predict.face_blur import FaceBlur

            self._blur = FaceBlur()
        self.todo = list(sources)
        self._order = {source.key: index for index, source in enumerate(sources)}
        self._earlier: Iterator[tuple[Source, Iterable[Prediction], str | None]] = iter(())
        self._next_earlier: tuple[Source, Iterable[Prediction], str | None] | None = None
        self.finished: list[Source] = []
        if options.folder is not None and options.shard is not None:
            from fercli.predict.parts import PartsFolder
            from fercli.system.shards import Shard

            shard = Shard.parse(options.shard)
            self._folder = PartsFolder(
                options.folder, sources, card, settings, shown_settings=self._shown, shard=shard, whole=whole
            )
            self.todo, self.finished = self._folder.todo, self._folder.finished
        elif options.folder is not None:
            from fercli.predict.results_folder import ResultsFolder

            self._folder = ResultsFolder(
                options.folder,
                sources,
                card,
                settings,
                shown_settings=self._shown,
                resume=options.resume,
                overwrite=options.overwrite,
                bom=options.bom,
                privacy=options.privacy,
                on_note=lambda source, note: summary.add_note(source.name, note),
                correction=correction,
            )
            self.todo, self.finished = self._folder.todo, self._folder.finished
        if options.report is not None:
            from fercli.predict.report.page import HtmlReport

            self._report = HtmlReport(
                options.report,
                card,
                self._shown,
                overwrite=options.overwrite,
                pictures=options.privacy.pictures,
                correction=correction,
            )

    def __enter__(self) -> Outputs:
        with ExitStack() as opened:
            for part in (self._log, self._folder, self._report):  # the log ends last
                if part is not None:
                    opened.enter_context(part)
            self._tables = [opened.enter_context(self._open_table(path)) for path in self._options.tables]
            if self._log is not None:
                for source in self.finished:
                    self._log.kept(source)
            if self._folder is not None:
                for source in self._folder.removed:
                    self._summary.add_note(source.name, "not an input of this run, its earlier rows are kept")
                self._earlier = self._folder.earlier()
            self._open = opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                self._write_earlier(before=None)
        except BaseException as raised:
            self._open.__exit__(type(raised), raised, raised.__traceback__)
            raise
        self._open.__exit__(*error)  # type: ignore[arg-type]

    def _write_earlier(self, *, before: Source | None) -> None:
        """Write the rows of finished sources that precede a source in the order of the inputs; all of them for None."""
        limit = len(self._order) if before is None else self._order[before.key]
        while True:
            earlier = self._next_earlier or next(self._earlier, None)
            self._next_earlier = earlier
            if earlier is None or (before is not None and self._order.get(earlier[0].key, len(self._order)) > limit):
                return
            source, predictions, fault = earlier
            self._summary.add_earlier(source.name, fault)
            self._write(predictions)
            self._next_earlier = None

    def add(self, result: ImageResult) -> None:
        """Write one picture or frame, after the rows that an earlier run wrote of the sources before it."""
        self._write_earlier(before=result.source)
        if self._log is not None:
            self._log.add(result.source, result.predictions, decoded=result.rgb is not None)
        self._write(result.predictions)
        if self._report is not None:
            rgb = result.rgb
            if rgb is not None and self._blur is not None:
                rgb = self._blur.blurred(result.source, rgb, result.predictions, time_s=result.time_s)
            self._report.add(result.source, rgb, result.predictions, time_s=result.time_s)
        if self._folder is not None:
            self._folder.add(
                result.source, result.rgb, result.predictions, time_s=result.time_s, duration_s=result.duration_s
            )

    def _open_table(self, path: Path) -> AbstractContextManager[TableWriter]:
        from fercli.rows.formats import open_table

        return open_table(
            path, self._card.labels, run=self._run, overwrite=self._options.replace_tables, bom=self._options.bom
        )

    def _write(self, predictions: Iterable[Prediction]) -> None:
        from fercli.rows.records import prediction_record

        for prediction in predictions:
            if self._options.json:
                console.json_line(prediction_record(prediction))
            for table in self._tables:
                table.add((prediction,))
