"""Published rows of the paper's Tables 1 to 4 and of other methods, from published_scores.csv with their sources."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from fercli.config.labels import PAPER_ORDER

TABLES = ("table1", "table2", "table3", "table4", "ferplus", "fer2013")


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table. accuracy, per_class, mean: in percent as printed, None where the source has none."""

    table: str
    dataset: str
    method: str
    year: int | None
    accuracy: float | None
    per_class: dict[str, float | None]
    mean: float | None
    source: str
    note: str


def published_rows(table: str) -> tuple[PublishedRow, ...]:
    """Return the rows of one table, in the order of the file."""
    text = files("fercli.evaluate").joinpath("published_scores.csv").read_text(encoding="utf-8")
    return tuple(
        PublishedRow(
            table=row["table"],
            dataset=row["dataset"],
            method=row["method"],
            year=int(row["year"]) if row["year"] else None,
            accuracy=_number(row["accuracy"]),
            per_class={label: _number(row[label]) for label in PAPER_ORDER},
            mean=_number(row["mean"]),
            source=row["source"],
            note=row["note"],
        )
        for row in csv.DictReader(text.splitlines())
        if row["table"] == table
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
