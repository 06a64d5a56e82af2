"""The manifest of a data set: a csv file with a row for every face and the hash of its picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fercli.data.dataset import Dataset
from fercli.data.inspection import PictureInfo
from fercli.errors import DataError
from fercli.system.csv_file import write_rows

_COLUMNS = ("name", "split", "label", "sha256", "pixels_sha256", "width", "height")


@dataclass(frozen=True)
class ManifestChanges:
    """How a data set differs from its manifest, by name. changed: the bytes, the label or the split differ."""

    removed: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.changed)


def manifest_rows(dataset: Dataset, pictures: Sequence[PictureInfo]) -> list[tuple[str, ...]]:
    """Return one row for every sample with its picture, in the order of the columns."""
    rows: list[tuple[str, ...]] = []
    for sample, picture in zip(dataset.samples, pictures, strict=True):
        label = "" if sample.label is None else dataset.labels[sample.label]
        width, height = picture.size_wh or ("", "")
        hashes = picture.sha256 or "", picture.pixels_sha256 or ""
        rows.append((sample.called(dataset.root), sample.split, label, *hashes, str(width), str(height)))
    return rows


def write_manifest(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write the manifest in one step, under a temporary name first."""
    write_rows(path, _COLUMNS, rows)


def compare_manifest(path: Path, rows: Sequence[Sequence[str]]) -> ManifestChanges:
    """Compare rows with an earlier manifest; DataError if the file is not a manifest."""
    before = _by_name(path, fix="give another file with --manifest, or --overwrite to replace it")
    now = {row[0]: tuple(row) for row in rows}
    return ManifestChanges(
        removed=tuple(name for name in before if name not in now),
        added=tuple(name for name in now if name not in before),
        changed=tuple(name for name, row in now.items() if name in before and before[name] != row),
    )


def require_manifest_of(dataset: Dataset, path: Path) -> None:
    """Raise DataError unless the manifest contains every sample of the data set, in its split; it may contain others too."""
    fix = f"fer data check DATA --manifest {path} writes one"
    if not path.is_file():
        raise DataError(f"there is no manifest {path}", fix=fix)
    splits = {name: row[_COLUMNS.index("split")] for name, row in _by_name(path, fix=fix).items()}
    names = ((sample.called(dataset.root), sample.split) for sample in dataset.samples)
    missing = [name for name, split in names if splits.get(name) != split]
    if missing:
        raise DataError(
            f"{path} is the manifest of other images: {len(missing)} of {dataset.name} are not in it, or in another split "
            f"(the first is {missing[0]})",
            fix=fix,
        )


def _by_name(path: Path, *, fix: str) -> Mapping[str, tuple[str, ...]]:
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            header, *rows = [tuple(row) for row in csv.reader(file)] or [()]
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error})", fix=fix) from error
    if header != _COLUMNS or any(len(row) != len(_COLUMNS) for row in rows):
        raise DataError(f"{path} is not the manifest of a data set", fix=fix)
    return {row[0]: row for row in rows}
