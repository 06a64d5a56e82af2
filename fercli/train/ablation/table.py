"""The table of a study, with the paper's numbers beside the measured ones, as markdown and as csv rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fercli.evaluate.seed_scores import SeedScore
from fercli.formatting import in_percent, interval_percent, mean_sd_percent, p_value, signed_percent
from fercli.train.ablation.studies import Study
from fercli.train.seed_statistics import PairedDifference

# columns of metrics.csv, means over the last epoch's training images, and what they are called in the table
DIAGNOSTICS = {
    "attention_own": "own weight",
    "attention_images": "images",
    "attention_same_label": "same label",
    "attention_same_label_chance": "by chance",
    "attention_wrong_label": "wrong label",
    "attention_wrong_label_chance": "by chance",
    "vit_on_wrong": "P_VIT right on wrong labels",
    "cba_on_wrong": "P_CBA right on wrong labels",
}
_DATA_NAMES = {"rafdb": "RAF-DB", "affectnet7": "AffectNet-7", "affectnet8": "AffectNet-8"}


@dataclass(frozen=True)
class RowResult:
    """What a row of a study measured. Scores are shares in 0..1; published: the paper's percentages by data set.

    same_data: whether one of the published numbers is from this data set. difference: to the baseline, None for the baseline.
    collapsed: seeds whose predictions are all one class. diagnostics: means over the seeds, by DIAGNOSTICS.
    """

    name: str
    settings: tuple[str, ...]
    published: Mapping[str, float]
    same_data: bool
    accuracy: SeedScore
    mean_accuracy: SeedScore
    difference: PairedDifference | None
    p_holm: float | None
    collapsed: tuple[int, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    @property
    def all_collapsed(self) -> bool:
        """Whether the predictions of every seed are one class."""
        return len(self.collapsed) == self.accuracy.n

    def to_csv_row(self) -> dict[str, Any]:
        """The row as flat values, shares in percent; what does not apply is None."""
        difference = self.difference
        low, high = difference.interval if difference and difference.interval else (None, None)
        return {
            "row": self.name,
            "settings": " ".join(self.settings),
            "published": format_published(self.published),
            "seeds": self.accuracy.n,
            "one_class": len(self.collapsed),
            "accuracy": in_percent(self.accuracy.mean),
            "accuracy_sd": in_percent(self.accuracy.sd),
            "mean_accuracy": in_percent(self.mean_accuracy.mean),
            "mean_accuracy_sd": in_percent(self.mean_accuracy.sd),
            "difference": in_percent(difference.mean if difference else None),
            "difference_low": in_percent(low),
            "difference_high": in_percent(high),
            "p": _format_p(difference.p if difference else None),
            "p_holm": _format_p(self.p_holm),
            "resolvable": in_percent(difference.resolvable if difference else None),
            **{name: f"{self.diagnostics[name]:.4f}" if name in self.diagnostics else None for name in DIAGNOSTICS},
        }


def format_published(numbers: Mapping[str, float]) -> str:
    """Published percentages by data set as `92.54 (RAF-DB)`; empty without any."""
    return ", ".join(f"{number:.2f} ({_DATA_NAMES[data]})" for data, number in numbers.items())


def write_markdown(path: Path, study: Study, rows: Sequence[RowResult], *, protocol: str, paper: str) -> None:
    """Write the table with what a reader needs to judge it: protocol, notes, tests and their power."""
    lines = [
        f"# {study.title}",
        "",
        protocol,
        "",
        f"| {study.name} | published | accuracy, mean ± sd | mean class accuracy | difference to {study.baseline} (95 %) "
        "| p | p (Holm) |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(_cells(row))} |" for row in rows),
        "",
        *_diagnostics_table(rows, study.name),
        *(f"- {note}" for note in (*study.all_notes, *_reading_notes(rows, paper))),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _diagnostics_table(rows: Sequence[RowResult], title: str) -> list[str]:
    """What the last epoch's attention and predictions were like, with the diagnostics that any row has."""
    names = [name for name in DIAGNOSTICS if any(name in row.diagnostics for row in rows)]
    if not names:
        return []
    lines = [
        f"| {title}, last epoch | {' | '.join(DIAGNOSTICS[name] for name in names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for row in rows:
        cells = [f"{row.diagnostics[name]:.2f}" if name in row.diagnostics else "-" for name in names]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _cells(row: RowResult) -> tuple[str, ...]:
    difference = "-"
    if row.all_collapsed:
        difference = "all predictions are one class"
    elif row.difference is not None:
        interval = interval_percent(row.difference.interval, signed=True)
        difference = signed_percent(row.difference.mean) + (f" ({interval})" if interval else "")
    return (
        row.name,
        format_published(row.published) or "-",
        mean_sd_percent(row.accuracy.mean, row.accuracy.sd),
        mean_sd_percent(row.mean_accuracy.mean, row.mean_accuracy.sd),
        difference,
        _format_p(row.difference.p if row.difference else None) or "-",
        _format_p(row.p_holm) or "-",
    )


def collapsed_notes(rows: Sequence[RowResult]) -> list[str]:
    """Which rows predict one class only, in all seeds or in some."""
    return [
        f"{row.name}: all predictions are one class"
        + ("" if row.all_collapsed else f" with seed {', '.join(map(str, row.collapsed))}")
        + ("; it is compared with no row." if row.all_collapsed else ".")
        for row in rows
        if row.collapsed
    ]


def _reading_notes(rows: Sequence[RowResult], paper: str) -> list[str]:
    notes = [*collapsed_notes(rows)]
    notes += [f"Published: {paper}, one run each; `-` for a setting that is not in the paper."]
    if not any(row.same_data for row in rows):
        notes.append("None of the published numbers is from this data set: compare the differences, not the levels.")
    resolvable = [row.difference.resolvable for row in rows if row.difference and row.difference.resolvable is not None]
    if resolvable:
        notes.append(
            "p: paired t-test over seeds; p (Holm): corrected for the number of rows. With this many seeds a true difference of "
            f"{interval_percent((min(resolvable), max(resolvable)))} points is detected with a power of 80 %."
        )
        notes.append(
            "All seeds share one set of test images: the intervals are about training, not about other images."
        )
    elif any(row.accuracy.n == 1 for row in rows):
        notes.append("One seed has neither interval nor test: use two or more to test whether rows differ.")
    return notes


def _format_p(value: float | None) -> str | None:
    return None if value is None else p_value(value)
