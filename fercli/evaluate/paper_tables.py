"""`fer report`: the paper's tables of methods (1 to 4) and those of FERPlus and FER2013, published beside measured rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fercli.config.labels import PAPER_ORDER
from fercli.errors import DataError
from fercli.evaluate.published_scores import PublishedRow, published_rows
from fercli.evaluate.report_runs import count_text, dataset_of, grouped_results
from fercli.evaluate.result_file import ResultFile
from fercli.evaluate.scores import selection_text
from fercli.evaluate.table_text import Percentage, markdown, percentage, rounded

TITLES = {
    "table1": "RAF-DB, accuracy %",
    "table2": "AffectNet-7, accuracy %",
    "table3": "AffectNet-8, accuracy %",
    "table4": "Class-wise and mean accuracy %",
    "ferplus": "FERPlus, accuracy %",
    "fer2013": "FER2013, accuracy %, single models",
}


@dataclass(frozen=True)
class TableRow:
    """One method. kind: `reported` by its authors or `measured` by this program; runs: results the figures are means of.

    per_class: by name, in the paper's order, empty where the table has no classes. venue: journal or conference.
    """

    method: str
    dataset: str
    venue: str
    year: int | None
    kind: Literal["reported", "measured"]
    runs: int | None
    accuracy: Percentage | None
    per_class: Mapping[str, Percentage | None]
    mean: Percentage | None
    source: str
    note: str


@dataclass(frozen=True)
class PaperTable:
    """A table, sorted by accuracy, table4 by mean accuracy; rows without one come first. warnings: of measured rows."""

    name: str
    title: str
    rows: tuple[TableRow, ...]
    warnings: tuple[str, ...] = ()

    @property
    def has_classes(self) -> bool:
        """Whether the table has a column per class."""
        return self.name == "table4"

    def as_markdown(self) -> str:
        """Format the table as markdown, figures with their standard deviation."""
        return markdown(self.title, self._columns(), self._cells())

    def as_csv(self) -> str:
        """Format the table as csv; every figure and every standard deviation has a column of its own."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        head = self._columns()
        figures = {column for column, name in enumerate(head) if name in {"accuracy", "mean", *PAPER_ORDER}}
        writer.writerow(
            [
                part
                for column, name in enumerate(head)
                for part in ([name, f"{name}_sd"] if column in figures else [name])
            ]
        )
        for row in self._cells():
            cells: list[object] = []
            for column, value in enumerate(row):
                if column not in figures:
                    cells.append(value)
                elif isinstance(value, Percentage):
                    cells += [rounded(value.value), rounded(value.deviation)]
                else:
                    cells += [None, None]
            writer.writerow(cells)
        return text.getvalue()

    def _columns(self) -> list[str]:
        end = ["which", "runs", "source", "note"]
        if self.has_classes:
            return ["dataset", "method", "venue", "year", *PAPER_ORDER, "mean", "accuracy", *end]
        return ["method", "venue", "year", "accuracy", *end]

    def _cells(self) -> list[list[object]]:
        rows: list[list[object]] = []
        for row in self.rows:
            start: list[object] = [row.method, row.venue, row.year]
            end: list[object] = [row.accuracy, row.kind, row.runs, row.source, row.note]
            if self.has_classes:
                rows.append([row.dataset, *start, *(row.per_class[c] for c in PAPER_ORDER), row.mean, *end])
            else:
                rows.append([*start, *end])
        return rows


def method_table(table: str, runs: Sequence[str] = ()) -> PaperTable:
    """Put results beside the published rows of a table of methods, which takes only results on its own data set.

    Raises: DataError for results of other data, or the same weights twice in a method.
    """
    reported = published_rows(table)
    datasets = {row.dataset for row in reported}
    rows, warnings = [_reported(row) for row in reported], []
    for name, results in grouped_results(runs).items():
        for result in results:
            if table != "table4" and dataset_of(result) not in datasets:
                raise DataError(
                    f"{name} was measured on {result.dataset}, {table} is about {', '.join(sorted(datasets))}",
                    fix="table4 takes every data set; ferplus and fer2013 are tables of their own",
                )
        row, warning = _measured(name, results)
        rows.append(row)
        warnings += [warning] if warning else []
    rows.sort(key=_mean_first if table == "table4" else _accuracy_first)
    return PaperTable(table, TITLES[table], tuple(rows), tuple(warnings))


def _accuracy_first(row: TableRow) -> tuple[str, float]:
    return row.dataset, row.accuracy.value if row.accuracy else -1.0


def _mean_first(row: TableRow) -> tuple[str, float]:
    return row.dataset, row.mean.value if row.mean else -1.0


def _reported(row: PublishedRow) -> TableRow:
    def figure(value: float | None) -> Percentage | None:
        return None if value is None else Percentage(value)

    return TableRow(
        method=row.method,
        dataset=row.dataset,
        venue=row.venue,
        year=row.year,
        kind="reported",
        runs=None,
        accuracy=figure(row.accuracy),
        per_class={label: figure(value) for label, value in row.per_class.items()},
        mean=figure(row.mean),
        source=row.source,
        note=row.note,
    )


def _measured(name: str, results: Sequence[ResultFile]) -> tuple[TableRow, str | None]:
    """The row of a method, and a warning if its images are not the published ones."""
    scores = [result.main_score for result in results]
    first = results[0]
    images, other_images = count_text(dataset_of(first), scores[0])
    notes = {text for result in results if (text := selection_text(result.selection, result.selected_by))}
    if first.dataset != dataset_of(first):
        notes.add(f"trained on {first.dataset}")
    if first.test_time_augmentation:
        notes.add(f"test-time augmentation: {first.test_time_augmentation}")
    command = " ".join(first.command.split()[:2])
    row = TableRow(
        method=name,
        dataset=dataset_of(first),
        venue="",
        year=None,
        kind="measured",
        runs=len(results),
        accuracy=percentage([score.accuracy for score in scores]),
        per_class={label: percentage([score.class_accuracy.get(label) for score in scores]) for label in PAPER_ORDER},
        mean=percentage([score.mean_accuracy for score in scores]),
        source=f"{command}, {scores[0].split} split, {images}",
        note="; ".join([*([other_images] if other_images else []), *sorted(notes)]),
    )
    warning = (
        f"{name} was scored on {images} of {dataset_of(first)}'s {scores[0].split} split" if other_images else None
    )
    return row, warning and f"{warning}: not comparable with the published rows"
