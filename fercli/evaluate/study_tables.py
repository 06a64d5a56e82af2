"""`fer report`: the paper's ablation studies (Tables 5 to 8), published beside measured scores of `fer ablate`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fercli.errors import DataError
from fercli.evaluate.published_scores import STUDY_TABLES, published_settings
from fercli.evaluate.report_runs import count_text, dataset_of, grouped_results, published_images, split_name
from fercli.evaluate.table_text import Percentage, markdown, percentage, rounded
from fercli.formatting import pluralize
from fercli.system.json_text import parse_json

TITLES = {
    "table5": "Components, accuracy %",
    "table6": "Weight lambda of L_VIT, accuracy %",
    "table7": "Batch size, accuracy %",
    "table8": "Losses, accuracy %",
}


@dataclass(frozen=True)
class StudyScores:
    """The scores of a study's settings on one data set. kind: `reported` by the paper or `measured` by this program.

    runs: seeds of every setting, None for published ones. note: what limits the comparison, empty if nothing does.
    """

    dataset: str
    kind: Literal["reported", "measured"]
    scores: dict[str, Percentage | None]
    runs: int | None
    source: str
    note: str = ""


@dataclass(frozen=True)
class StudyTable:
    """A study of the paper: its settings in the paper's order, then those that only measured runs have."""

    name: str
    title: str
    settings: tuple[str, ...]
    series: tuple[StudyScores, ...]
    warnings: tuple[str, ...] = ()

    def as_markdown(self) -> str:
        """Format as the paper does: Table 7 with a row per data set, the others with a row per setting."""
        notes = [
            f"{_name(series)}: {series.source}{'; ' if series.note else ''}{series.note}" for series in self.series
        ]
        if self.name == "table7":
            rows: list[list[object]] = [
                [series.dataset, series.kind, *(series.scores.get(setting) for setting in self.settings), series.runs]
                for series in self.series
            ]
            return markdown(self.title, ["dataset", "which", *self.settings, "runs"], rows, notes)
        head = [STUDY_TABLES[self.name], *(_name(series) for series in self.series)]
        by_setting: list[list[object]] = [
            [setting, *(series.scores.get(setting) for series in self.series)] for setting in self.settings
        ]
        return markdown(self.title, head, by_setting, notes)

    def as_csv(self) -> str:
        """Format as csv, one score per row."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["dataset", "setting", "which", "accuracy", "accuracy_sd", "runs", "source", "note"])
        for series in self.series:
            for setting, score in series.scores.items():
                if score is not None:
                    figures = rounded(score.value), rounded(score.deviation)
                    about = series.runs, series.source, series.note
                    writer.writerow([series.dataset, setting, series.kind, *figures, *about])
        return text.getvalue()


def study_table(table: str, runs: Sequence[str] = ()) -> StudyTable:
    """Put measured studies beside a study of the paper.

    runs: folders of `fer ablate`, or SETTING=FOLDER of a result of one setting, such as `MLA + BT=runs/rafdb`.
    Raises: DataError for a folder without the study, or results of one setting that cannot be averaged.
    """
    published = published_settings(table)
    datasets = list(dict.fromkeys(name for scores in published.values() for name in scores))
    series = [
        StudyScores(
            dataset=name,
            kind="reported",
            scores={setting: Percentage(scores[name]) for setting, scores in published.items() if name in scores},
            runs=None,
            source=f"BTN, Table {table[-1]}",
        )
        for name in datasets
    ]
    studies = [run for run in runs if split_name(run)[0] is None]
    for run in studies:
        series += _read_studies(Path(run), STUDY_TABLES[table], published_on=datasets)
    series += _from_results([run for run in runs if run not in studies], published_on=datasets)
    order = {name: rank for rank, name in enumerate(datasets)}
    series.sort(key=lambda item: order.get(item.dataset, len(order)))
    settings = dict.fromkeys([*published, *(setting for item in series for setting in item.scores)])
    warnings = tuple(f"{_name(item)}: {item.note}" for item in series if item.note)
    return StudyTable(table, TITLES[table], tuple(settings), tuple(series), warnings)


def _read_studies(folder: Path, study: str, *, published_on: Sequence[str]) -> list[StudyScores]:
    """The study in a folder of `fer ablate`, whole or of some rows."""
    files = [*folder.glob(f"{study}.json"), *sorted(folder.glob(f"{study}-*.json"))]
    if not files:
        raise DataError(
            f"{folder} has no study {study}", fix=f"fer ablate {study} DATA --out {folder}, or SETTING=FOLDER of a run"
        )
    return [_read_study(file, published_on) for file in files]


def _read_study(file: Path, published_on: Sequence[str]) -> StudyScores:
    try:
        record: dict[str, Any] = parse_json(file.read_text(encoding="utf-8"))
        scores = {
            row["name"]: Percentage(
                100 * row["accuracy"]["mean"],
                None if row["accuracy"]["sd"] is None else 100 * row["accuracy"]["sd"],
            )
            for row in record["rows"]
        }
        dataset, split, images, seeds = (
            record["data"].partition(", ")[0],
            record["split"],
            record["images"],
            len(record["seeds"]),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"{file} is not a study of fer ablate ({error!r})", fix="fer ablate writes it again") from error
    return StudyScores(
        dataset=dataset,
        kind="measured",
        scores=dict(scores),
        runs=seeds,
        source=f"fer ablate, {split} split, {pluralize(images, 'image')}",
        note=_limits(dataset, split, images, published_on),
    )


def _from_results(runs: Sequence[str], *, published_on: Sequence[str]) -> list[StudyScores]:
    """Results given by setting, one series per data set."""
    by_dataset: dict[str, dict[str, Percentage | None]] = {}
    about: dict[str, tuple[int, str, str]] = {}
    for setting, results in grouped_results(runs).items():
        score, dataset = results[0].main_score, dataset_of(results[0])
        by_dataset.setdefault(dataset, {})[setting] = percentage([result.main_score.accuracy for result in results])
        command = " ".join(results[0].command.split()[:2])
        source = f"{command}, {score.split} split, {count_text(dataset, score)[0]}"
        about[dataset] = (len(results), source, _limits(dataset, score.split, score.images, published_on))
    return [StudyScores(name, "measured", scores, *about[name]) for name, scores in by_dataset.items()]


def _limits(dataset: str, split: str, images: int, published_on: Sequence[str]) -> str:
    if dataset not in published_on:
        return "not a data set of this table: compare the differences, not the levels"
    published = published_images(dataset, split)
    if published is None or published == images:
        return ""
    return f"scored on {images:,} of {published:,} {split} images: not comparable with the published row"


def _name(series: StudyScores) -> str:
    runs = "" if series.runs is None else f", {pluralize(series.runs, 'run')}"
    return f"{series.dataset}, {series.kind}{runs}"
