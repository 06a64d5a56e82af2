"""Files of `fer audit`: the csv that `fer train --relabel` reads, and contact sheets of the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fercli.data.crops import load_crop
from fercli.data.dataset import Sample
from fercli.data.relabel import LABEL_COLUMN, PATH_COLUMN
from fercli.explain.plots import contact_sheet
from fercli.system.chunks import chunked
from fercli.system.csv_file import write_rows

_SIDE = 96  # px of an image on a sheet
_PER_SHEET = 100


@dataclass(frozen=True)
class RankedImage:
    """One training image with its rank from 1, its label and the class that is suggested instead.

    score: mean of the signals it is ranked by. signals: by name, in nats, None where the image has none.
    truth: the class that the audit was evaluated against, None without one.
    """

    rank: int
    name: str
    sample: Sample
    label: str
    suggested: str
    score: float
    signals: dict[str, float | None]
    truth: str | None


def write_audit_csv(path: Path, images: Sequence[RankedImage], *, accept: int) -> None:
    """Write one row per image, most doubtful first; the first `accept` rows take the suggestion as their new label."""
    head = ["rank", PATH_COLUMN, "label", "suggested", LABEL_COLUMN, "score", *images[0].signals, "truth"]
    rows = [
        [
            image.rank,
            image.name,
            image.label,
            image.suggested,
            image.suggested if image.rank <= accept else None,
            f"{image.score:.4f}",
            *(None if value is None else f"{value:.4f}" for value in image.signals.values()),
            image.truth,
        ]
        for image in images
    ]
    write_rows(path, head, rows)


def write_sheets(folder: Path, images: Sequence[RankedImage], *, title: str) -> list[Path]:
    """Draw the images with rank, label and suggestion, a hundred per sheet: sheet-1.png, ..."""
    paths = []
    for number, shown in enumerate(chunked(images, _PER_SHEET), start=1):
        path = folder / f"sheet-{number}.png"
        contact_sheet(
            path,
            [load_crop(image.sample, _SIDE) for image in shown],
            [f"{image.rank}: {image.label}\n→ {image.suggested}?" for image in shown],
            title=f"{title}, {shown[0].rank} to {shown[-1].rank}",
        )
        paths.append(path)
    return paths
