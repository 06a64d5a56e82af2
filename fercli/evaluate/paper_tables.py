"""Results of `fer eval` in, a table of the paper out: what others published, and what was measured here, marked as such."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from fercli.config.labels import PAPER_ORDER
from fercli.errors import DataError, UsageError
from fercli.evaluate.files import read_result
from fercli.evaluate.published_scores import TABLES, PublishedRow, published_rows
from fercli.system.files import refuse_existing_folder, replacing_folder

TITLES = {
    "table1": "RAF-DB, accuracy %",
    "table2": "AffectNet-7, accuracy %",
    "table3": "AffectNet-8, accuracy %",
    "table4": "Class-wise and mean accuracy %",
    "ferplus": "FERPlus, accuracy %",
    "fer2013": "FER2013, accuracy %, single models",
}


@dataclass(frozen=True)
class Cell:
    """A figure in percent; spread: standard deviation over seeds, None for one run or a published figure."""

    value: float
    spread: float | None = None


@dataclass(frozen=True)
class TableRow:
    """One method. kind: `reported` by its authors or `measured` here; runs: how many results the figures are means of.

    per_class: by name, in the paper's order, empty where the table has no classes.
    """

    method: str
    dataset: str
    year: int | None
    kind: str
    runs: int | None
    accuracy: Cell | None
    per_class: Mapping[str, Cell | None]
    mean: Cell | None
    source: str
    note: str


@dataclass(frozen=True)
class PaperTable:
    """A table, sorted by accuracy, what has none first."""

    name: str
    title: str
    rows: tuple[TableRow, ...]

    @property
    def has_classes(self) -> bool:
        """Whether the table has a column per class."""
        return self.name == "table4"


def report(table: str, runs: Sequence[str] = (), *, out: Path | None = None, overwrite: bool = False) -> PaperTable:
    """Put results beside published rows; nothing that was measured on another data set gets into a table.

    runs: folders that `fer eval --out` wrote, or NAME=FOLDER; results with one name are runs of one method and become
    their mean and standard deviation. out: a new folder that gets TABLE.md and TABLE.csv.
    Errors: UsageError for an unknown table; DataError for results of other data, or the same weights twice in a method.
    """
    if table not in TABLES:
        raise UsageError(f"unknown table {table!r}", fix=f"known: {', '.join(TABLES)}")
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=f"{table}.csv")
    reported = published_rows(table)
    datasets = {row.dataset for row in reported}
    rows = [_reported(row) for row in reported]
    for name, results in _grouped(runs).items():
        for place, record in results:
            if table != "table4" and record["dataset"] not in datasets:
                raise DataError(
                    f"{place} was measured on {record['dataset']}, {table} is about {', '.join(sorted(datasets))}",
                    fix="table4 takes every data set; ferplus and fer2013 are tables of their own",
                )
        rows.append(_measured(name, results))
    rows.sort(key=lambda row: (row.dataset, row.accuracy.value if row.accuracy else -1.0))
    result = PaperTable(table, TITLES[table], tuple(rows))
    if out is not None:
        with replacing_folder(out) as folder:
            (folder / f"{table}.md").write_text(as_markdown(result), encoding="utf-8")
            (folder / f"{table}.csv").write_text(as_csv(result), encoding="utf-8")
    return result


def as_markdown(table: PaperTable) -> str:
    """The table as markdown, figures with their spread."""
    head, rows = _columns(table), [[_text(cell) for cell in row] for row in _cells(table)]
    lines = [f"**{table.title}**", "", _line(head), _line(["---"] * len(head)), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def as_csv(table: PaperTable) -> str:
    """The table as csv, every figure and every spread in a column of its own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = _columns(table)
    figures = [place for place, name in enumerate(head) if name in {"accuracy", "mean", *PAPER_ORDER}]
    writer.writerow(
        [part for p, name in enumerate(head) for part in ([name, f"{name}_sd"] if p in figures else [name])]
    )
    for row in _cells(table):
        cells: list[object] = []
        for place, value in enumerate(row):
            if place in figures:
                cells += [_rounded(value.value), _rounded(value.spread)] if isinstance(value, Cell) else [None, None]
            else:
                cells.append(value)
        writer.writerow(cells)
    return text.getvalue()


def _grouped(runs: Sequence[str]) -> dict[str, list[tuple[Path, dict[str, Any]]]]:
    groups: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for run in runs:
        name, equals, place = run.partition("=")
        path = Path(place if equals else run)
        result = read_result(path)
        groups.setdefault(name if equals else str(result.get("model", path.name)), []).append((path, result))
    for name, results in groups.items():
        hashes = [result["ckpt_sha256"] for _, result in results if result.get("ckpt_sha256")]
        if len(set(hashes)) != len(hashes):
            raise DataError(
                f"{name}: the same weights are given twice as if they were two runs", fix="one folder a run"
            )
        for key in ("dataset", "split", "n", "test_time_augmentation"):
            if len({result.get(key) for _, result in results}) > 1:
                found = ", ".join(f"{place}: {result.get(key)}" for place, result in results)
                raise DataError(f"{name}: its runs differ in {key} ({found})", fix="another name for each: NAME=FOLDER")
    return groups


def _reported(row: PublishedRow) -> TableRow:
    def cell(value: float | None) -> Cell | None:
        return None if value is None else Cell(value)

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


def _measured(name: str, results: Sequence[tuple[Path, dict[str, Any]]]) -> TableRow:
    records = [result for _, result in results]
    first = records[0]
    notes = {f"chosen by {record['selected_by']}" for record in records if record.get("selected_by")}
    augmented = {record.get("test_time_augmentation") for record in records} - {None}
    notes |= {f"test-time augmentation: {text}" for text in augmented}
    return TableRow(
        method=name,
        dataset=str(first["dataset"]),
        year=None,
        kind="measured",
        runs=len(records),
        accuracy=_cell([record["overall_acc"] for record in records]),
        per_class={label: _cell([record["per_class_acc"].get(label) for record in records]) for label in PAPER_ORDER},
        mean=_cell([record["mean_acc"] for record in records]),
        source=f"fer eval, {first.get('split')} split, {first['n']:,} images",
        note="; ".join(sorted(notes)),
    )


def _cell(shares: Sequence[float | None]) -> Cell | None:
    values = [100 * share for share in shares if share is not None]
    if not values or len(values) < len(shares):
        return None
    return Cell(mean(values), stdev(values) if len(values) > 1 else None)


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
    if isinstance(cell, Cell):
        return f"{cell.value:.2f}" + (f" ± {cell.spread:.2f}" if cell.spread is not None else "")
    return "" if cell is None else str(cell).replace("|", "\\|")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
