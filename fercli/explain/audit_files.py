"""The findings of an audit in; the csv that `fer train --relabel` reads and contact sheets of the faces out."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fercli.data.crops import load_crop
from fercli.data.dataset import Sample
from fercli.data.relabel import NEW, PATH
from fercli.explain.plots import contact_sheet

_SIDE = 96  # px of a face on a sheet
_PER_SHEET = 100


@dataclass(frozen=True)
class Finding:
    """One training image: its place in the ranking from 1, its label and the class that the signs suggest instead.

    score: mean of the signs that there are. signs: by name, in nats, None where the image has none.
    truth: the class that the audit was scored against, None without one.
    """

    rank: int
    name: str
    sample: Sample
    label: str
    suggested: str
    score: float
    signs: dict[str, float | None]
    truth: str | None


def write_audit_csv(path: Path, findings: Sequence[Finding], *, accept: int) -> None:
    """Write one row per image, most doubtful first; `new_label` is empty but for the first `accept`, which take the suggestion."""
    signs = list(findings[0].signs)
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["rank", PATH, "label", "suggested", NEW, "score", *signs, "truth"])
        for found in findings:
            values = ["" if value is None else f"{value:.4f}" for value in found.signs.values()]
            new = found.suggested if found.rank <= accept else ""
            row = [found.rank, found.name, found.label, found.suggested, new, f"{found.score:.4f}", *values]
            writer.writerow([*row, found.truth or ""])


def write_sheets(folder: Path, findings: Sequence[Finding], *, title: str) -> list[Path]:
    """Draw the faces with rank, label and suggestion, a hundred a sheet: sheet-1.png, ..."""
    paths = []
    for number, start in enumerate(range(0, len(findings), _PER_SHEET), start=1):
        shown = findings[start : start + _PER_SHEET]
        path = folder / f"sheet-{number}.png"
        contact_sheet(
            path,
            [load_crop(found.sample, _SIDE) for found in shown],
            [f"{found.rank}: {found.label}\n→ {found.suggested}?" for found in shown],
            title=f"{title}, {shown[0].rank} to {shown[-1].rank}",
        )
        paths.append(path)
    return paths
