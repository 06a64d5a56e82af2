"""What `fer predict` writes, reading by reading: JSON lines to stdout, tables, an HTML page, a folder of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fercli.cli import console
from fercli.errors import UsageError

if TYPE_CHECKING:
    from fercli.cli.predict_report import Report
    from fercli.media.sources import Source
    from fercli.predict.predict import Reading
    from fercli.predict.report.page import HtmlReport
    from fercli.predict.results_folder import ResultsFolder
    from fercli.predict.tables import Table
    from fercli.results import Prediction
    from fercli.weights.card import WeightsCard


@dataclass(frozen=True)
class Wanted:
    """What was asked for. Raises: UsageError, RefusedError for what cannot be had, before the work begins."""

    json: bool
    save: tuple[Path, ...]
    page: Path | None
    folder: Path | None
    resume: bool
    overwrite: bool

    def __post_init__(self) -> None:
        from fercli.predict.tables import check_table_path

        if self.resume and self.folder is None:
            raise UsageError("--resume goes on in the folder of --out, and there is none", fix="--out DIR --resume")
        if self.resume and self.page is not None:
            raise UsageError(
                "--report is one page of everything, --resume reads only what is left",
                fix="leave --report away: --out makes a page per video",
            )
        for path in self.save:
            check_table_path(path, overwrite=self.overwrite or self.resume)

    @property
    def places(self) -> tuple[Path, ...]:
        """Where files are written."""
        return tuple(path for path in (self.folder, self.page, *self.save) if path is not None)


class Outputs:
    """Everything that was asked for, open. settings: what shapes the results. runs_on: engine and device.

    todo: sources that are still to be read.
    """

    def __init__(
        self,
        wanted: Wanted,
        sources: Sequence[Source],
        card: WeightsCard,
        settings: Mapping[str, object],
        report: Report,
        *,
        runs_on: str,
    ) -> None:
        self._wanted, self._card, self._report = wanted, card, report
        self._facts = {**settings, "network run by": runs_on}
        self._folder: ResultsFolder | None = None
        self._page: HtmlReport | None = None
        self._tables: list[Table] = []
        self._open = ExitStack()
        self.todo = list(sources)
        if wanted.folder is not None:
            from fercli.predict.results_folder import ResultsFolder

            self._folder = ResultsFolder(
                wanted.folder,
                sources,
                card,
                settings,
                facts=self._facts,
                resume=wanted.resume,
                overwrite=wanted.overwrite,
            )
            self.todo = self._folder.todo
        if wanted.page is not None:
            from fercli.predict.report.page import HtmlReport

            self._page = HtmlReport(wanted.page, card, self._facts, overwrite=wanted.overwrite)

    def __enter__(self) -> Outputs:
        from fercli.predict.tables import open_table

        with ExitStack() as opened:
            for part in (self._folder, self._page):
                if part is not None:
                    opened.enter_context(part)
            self._tables = [
                opened.enter_context(
                    open_table(
                        path,
                        self._card.labels,
                        settings=self._facts,
                        overwrite=self._wanted.overwrite or self._wanted.resume,
                    )
                )
                for path in self._wanted.save
            ]
            if self._folder is not None:
                for source, predictions, fault in self._folder.earlier():
                    self._report.add_earlier(source.name, fault)
                    self._write(predictions)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]

    def add(self, reading: Reading) -> None:
        """Write one picture or frame."""
        self._write(reading.predictions)
        for part in (self._page, self._folder):
            if part is not None:
                part.add(reading.source, reading.rgb, reading.predictions, time_s=reading.time_s)

    def _write(self, predictions: Iterable[Prediction]) -> None:
        from fercli.predict.predictions import as_record

        for prediction in predictions:
            if self._wanted.json:
                console.json_line(as_record(prediction))
            for table in self._tables:
                table.add((prediction,))
