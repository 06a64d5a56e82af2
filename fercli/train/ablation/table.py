"""The rows of a study in, its table as markdown and as csv out, the paper's numbers beside the measured ones."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fercli.train.ablation.paired import PairedDifference, Spread
from fercli.train.ablation.studies import Study

_DATA_NAMES = {"rafdb": "RAF-DB", "affectnet7": "AffectNet-7", "affectnet8": "AffectNet-8"}


@dataclass(frozen=True)
class StudyRow:
    """What a row measured. Shares lie in 0..1; published: the paper's percentages by data set.

    same_data: whether one of them was measured on this data set. difference: to the baseline, None for the baseline itself.
    """

    name: str
    settings: tuple[str, ...]
    published: Mapping[str, float]
    same_data: bool
    accuracy: Spread
    mean_class: Spread
    difference: PairedDifference | None
    p_holm: float | None

    def plain(self) -> dict[str, Any]:
        """The row as flat values, shares in percent; what does not apply is None."""
        difference = self.difference
        low, high = difference.interval if difference and difference.interval else (None, None)
        return {
            "row": self.name,
            "settings": " ".join(self.settings),
            "published": published(self.published),
            "seeds": self.accuracy.n,
            "accuracy": _percent(self.accuracy.mean),
            "accuracy_sd": _percent(self.accuracy.deviation),
            "mean_class": _percent(self.mean_class.mean),
            "mean_class_sd": _percent(self.mean_class.deviation),
            "difference": _percent(difference.mean if difference else None),
            "difference_low": _percent(low),
            "difference_high": _percent(high),
            "p": _p(difference.p if difference else None),
            "p_holm": _p(self.p_holm),
            "resolvable": _percent(difference.resolvable if difference else None),
        }


def published(numbers: Mapping[str, float]) -> str:
    """`92.54 (RAF-DB)`, or nothing where we have no number."""
    return ", ".join(f"{number:.2f} ({_DATA_NAMES[data]})" for data, number in numbers.items())


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows under the first one's names; None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_markdown(path: Path, study: Study, rows: Sequence[StudyRow], *, protocol: str, paper: str) -> None:
    """Write the table with what a reader needs to judge it: protocol, tests, what so many seeds can tell apart."""
    lines = [
        f"# {study.title}",
        "",
        protocol,
        "",
        f"| {study.name} | published | measured, mean ± sd | mean class | difference to {study.baseline} (95 %) | p | p (Holm) |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(_cells(row))} |" for row in rows),
        "",
        *(f"- {note}" for note in (*study.notes, *_reading(rows, paper))),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cells(row: StudyRow) -> tuple[str, ...]:
    values = row.plain()
    difference = ""
    if row.difference is not None:
        difference = f"{100 * row.difference.mean:+.2f}"
        if row.difference.interval is not None:
            difference += " ({:+.2f} to {:+.2f})".format(*(100 * end for end in row.difference.interval))
    return (
        row.name,
        values["published"] or "-",
        _mean(row.accuracy),
        _mean(row.mean_class),
        difference or "-",
        values["p"] or "-",
        values["p_holm"] or "-",
    )


def _mean(spread: Spread) -> str:
    deviation = "" if spread.deviation is None else f" ± {100 * spread.deviation:.2f}"
    return f"{100 * spread.mean:.2f}{deviation}"


def _reading(rows: Sequence[StudyRow], paper: str) -> list[str]:
    notes = [f"Published: {paper}, one run each; `-` where we do not have the paper's number."]
    if not any(row.same_data for row in rows):
        notes.append("None of the published numbers is from this data set: compare the differences, not the levels.")
    limits = [row.difference.resolvable for row in rows if row.difference and row.difference.resolvable is not None]
    if limits:
        notes.append(
            "p: paired t-test over seeds; p (Holm): corrected for the number of rows. So many seeds find a true difference of "
            f"{100 * min(limits):.2f} to {100 * max(limits):.2f} points four times out of five."
        )
        notes.append(
            "All seeds share one set of test images: the intervals are about training, not about other images."
        )
    else:
        notes.append("One seed has neither interval nor test: two and more are needed to say that rows differ.")
    return notes


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.2f}"


def _p(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}" if value >= 0.001 else "<0.001"
