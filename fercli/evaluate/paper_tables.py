"""`fer report`: the paper's tables, published rows beside measured ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Literal

from fercli.config.labels import PAPER_ORDER
from fercli.errors import DataError, UsageError
from fercli.evaluate.published_scores import TABLES, PublishedRow, published_rows
from fercli.evaluate.result_file import ResultFile, read_result
from fercli.evaluate.scores import selection_text
from fercli.formatting import pluralize
from fercli.system.files import refuse_existing_folder, replacing_folder

TITLES = {
    "table1": "RAF-DB, accuracy %",
    "table2": "AffectNet-7, accuracy %",
    "table3": "AffectNet-8, accuracy %",
    "table4": "Class-wise and mean accuracy %",
    "ferplus": "FERPlus, accuracy %",
    "fer2013": "FER2013, accuracy %, single models",
}


# what the runs of one method must have in common to be averaged
_EQUAL_IN_A_GROUP: dict[str, Callable[[ResultFile], object]] = {
    "data set": lambda result: result.dataset,
    "split": lambda result: result.main_score.split,
    "number of images": lambda result: result.main_score.images,
    "test-time augmentation": lambda result: result.test_time_augmentation,
}


@dataclass(frozen=True)
class Percentage:
    """A score in percent; deviation: standard deviation over seeds, None for one run or a published score."""

    value: float
    deviation: float | None = None


@dataclass(frozen=True)
class TableRow:
    """One method. kind: `reported` by its authors or `measured` by this program; runs: results the figures are means of.

    per_class: by name, in the paper's order, empty where the table has no classes.
    """

    method: str
    dataset: str
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
    """A table, sorted by accuracy; rows without one come first."""

    name: str
    title: str
    rows: tuple[TableRow, ...]

    @property
    def has_classes(self) -> bool:
        """Whether the table has a column per class."""
        return self.name == "table4"


def report(table: str, runs: Sequence[str] = (), *, out: Path | None = None, overwrite: bool = False) -> PaperTable:
    """Put results beside published rows; a table takes only results on its own data set.

    runs: folders of `fer eval --out` or `fer train`, or NAME=FOLDER; results with one name are runs of one method, whose
    mean and standard deviation are shown. out: a new folder for TABLE.md and TABLE.csv.
    Raises: UsageError for an unknown table; DataError for results of other data, or the same weights twice in a method.
    """
    if table not in TABLES:
        raise UsageError(f"unknown table {table!r}", fix=f"known: {', '.join(TABLES)}")
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=f"{table}.csv")
    reported = published_rows(table)
    datasets = {row.dataset for row in reported}
    rows = [_reported(row) for row in reported]
    for name, results in _grouped(runs).items():
        for result in results:
            if table != "table4" and result.dataset not in datasets:
                raise DataError(
                    f"{name} was measured on {result.dataset}, {table} is about {', '.join(sorted(datasets))}",
                    fix="table4 takes every data set; ferplus and fer2013 are tables of their own",
                )
        rows.append(_measured(name, results))
    rows.sort(key=lambda row: (row.dataset, row.accuracy.value if row.accuracy else -1.0))
    paper_table = PaperTable(table, TITLES[table], tuple(rows))
    if out is not None:
        with replacing_folder(out) as folder:
            (folder / f"{table}.md").write_text(as_markdown(paper_table), encoding="utf-8")
            (folder / f"{table}.csv").write_text(as_csv(paper_table), encoding="utf-8")
    return paper_table


def as_markdown(table: PaperTable) -> str:
    """Format the table as markdown, figures with their standard deviation."""
    head, rows = _columns(table), [[_text(cell) for cell in row] for row in _cells(table)]
    lines = [f"**{table.title}**", "", _line(head), _line(["---"] * len(head)), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def as_csv(table: PaperTable) -> str:
    """Format the table as csv; every figure and every standard deviation has a column of its own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = _columns(table)
    figures = [column for column, name in enumerate(head) if name in {"accuracy", "mean", *PAPER_ORDER}]
    writer.writerow(
        [part for column, name in enumerate(head) for part in ([name, f"{name}_sd"] if column in figures else [name])]
    )
    for row in _cells(table):
        cells: list[object] = []
        for column, value in enumerate(row):
            if column in figures:
                cells += (
                    [_rounded(value.value), _rounded(value.deviation)]
                    if isinstance(value, Percentage)
                    else [None, None]
                )
            else:
                cells.append(value)
        writer.writerow(cells)
    return text.getvalue()


def _grouped(runs: Sequence[str]) -> dict[str, list[ResultFile]]:
    """Read the results, grouped by the name of their method; DataError where a group mixes what cannot be averaged."""
    groups: dict[str, list[tuple[Path, ResultFile]]] = {}
    for run in runs:
        name, equals, folder = run.partition("=")
        path = Path(folder if equals else run)
        result = read_result(path)
        groups.setdefault(name if equals else result.model.name, []).append((path, result))
    for name, results in groups.items():
        hashes = [result.model.sha256 for _, result in results if result.model.sha256]
        if len(set(hashes)) != len(hashes):
            raise DataError(f"{name}: the same weights are given as two runs", fix="one folder per run")
        for what, value_of in _EQUAL_IN_A_GROUP.items():
            values = [value_of(result) for _, result in results]
            if len(set(values)) > 1:
                listed = ", ".join(f"{path}: {value}" for (path, _), value in zip(results, values, strict=True))
                raise DataError(f"{name}: its runs differ in {what} ({listed})", fix="a name for each: NAME=FOLDER")
    return {name: [result for _, result in results] for name, results in groups.items()}


def _reported(row: PublishedRow) -> TableRow:
    def cell(value: float | None) -> Percentage | None:
        return None if value is None else Percentage(value)

    return TableRow(
        method=row.method,
        dataset=row.dataset,
        year=row.year,
        kind="reported",
        runs=None,
        accuracy=cell(row.accuracy),
        per_class={label: cell(value) for label, value in row.per_class.items()},
        mean=cell(row.mean),
        source=row.source,
        note=row.note,
    )


def _measured(name: str, results: Sequence[ResultFile]) -> TableRow:
    scores = [result.main_score for result in results]
    first = results[0]
    notes = {text for result in results if (text := selection_text(result.selection, result.selected_by))}
    if first.test_time_augmentation:
        notes.add(f"test-time augmentation: {first.test_time_augmentation}")
    command = " ".join(first.command.split()[:2])
    return TableRow(
        method=name,
        dataset=first.dataset,
        year=None,
        kind="measured",
        runs=len(results),
        accuracy=_cell([score.accuracy for score in scores]),
        per_class={label: _cell([score.class_accuracy.get(label) for score in scores]) for label in PAPER_ORDER},
        mean=_cell([score.mean_accuracy for score in scores]),
        source=f"{command}, {scores[0].split} split, {pluralize(scores[0].images, 'image')}",
        note="; ".join(sorted(notes)),
    )


def _cell(shares: Sequence[float | None]) -> Percentage | None:
    values = [100 * share for share in shares if share is not None]
    if not values or len(values) < len(shares):
        return None
    return Percentage(mean(values), stdev(values) if len(values) > 1 else None)


def _columns(table: PaperTable) -> list[str]:
    if table.has_classes:
        return ["dataset", "method", "year", *PAPER_ORDER, "mean", "accuracy", "which", "runs", "source", "note"]
    return ["method", "year", "accuracy", "which", "runs", "source", "note"]


def _cells(table: PaperTable) -> list[list[object]]:
    rows: list[list[object]] = []
    for row in table.rows:
        end: list[object] = [row.accuracy, row.kind, row.runs, row.source, row.note]
        if table.has_classes:
            rows.append([row.dataset, row.method, row.year, *(row.per_class[c] for c in PAPER_ORDER), row.mean, *end])
        else:
            rows.append([row.method, row.year, *end])
    return rows


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _text(cell: object) -> str:
    if isinstance(cell, Percentage):
        return f"{cell.value:.2f}" + (f" ± {cell.deviation:.2f}" if cell.deviation is not None else "")
    return "" if cell is None else str(cell).replace("|", "\\|")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
