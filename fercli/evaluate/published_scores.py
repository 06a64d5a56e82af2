"""Published rows of the paper's Tables 1 to 8 and of other methods, from published_scores.csv with their sources."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from fercli.config.labels import PAPER_ORDER

METHOD_TABLES = ("table1", "table2", "table3", "table4", "ferplus", "fer2013")
STUDY_TABLES = {"table5": "components", "table6": "lambda", "table7": "batch-size", "table8": "losses"}  # fer ablate


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table. accuracy, per_class, mean: in percent as printed, None where the source has none.

    method: in Tables 5 to 8 the name of the setting, as `fer ablate` calls its row. venue: journal or conference.
    """

    table: str
    dataset: str
    method: str
    venue: str
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
            venue=row["venue"],
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


def published_settings(table: str) -> dict[str, dict[str, float]]:
    """Return the accuracies of a study's table in percent, by setting and then by data set, in the paper's order."""
    settings: dict[str, dict[str, float]] = {}
    for row in published_rows(table):
        if row.accuracy is not None:
            settings.setdefault(row.method, {})[row.dataset] = row.accuracy
    return settings


def _number(text: str) -> float | None:
    return float(text) if text else None
