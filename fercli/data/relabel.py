"""New labels for training images: a csv that a person went through in, samples with those labels out."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fercli.config.labels import canonical
from fercli.data.dataset import Sample
from fercli.errors import DataError

PATH, NEW = "path", "new_label"
LEAVE_OUT = "drop"  # instead of a class: the image is not trained on
_FIX = "its column new_label takes a class, `drop`, or nothing; its column path is below the data set's folder"
_SHOWN = 10


def read_relabels(path: Path, labels: Sequence[str]) -> dict[str, int | None]:
    """Read the rows whose `new_label` is filled in: a face's name in its data set -> class index, None to leave it out.

    Errors: DataError names every line whose class is unknown or that contradicts an earlier one.
    """
    found: dict[str, int | None] = {}
    faults: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            if not {PATH, NEW} <= set(reader.fieldnames or ()):
                raise DataError(f"{path} has no columns {PATH} and {NEW}", fix=_FIX)
            for row in reader:
                word = canonical(row[NEW] or "")
                if not word:
                    continue
                if word != LEAVE_OUT and word not in labels:
                    faults.append(f"line {reader.line_num}: {row[NEW]!r} is none of {', '.join((*labels, LEAVE_OUT))}")
                    continue
                new = None if word == LEAVE_OUT else labels.index(word)
                if found.setdefault(row[PATH], new) != new:
                    faults.append(f"line {reader.line_num}: {row[PATH]} has another new label above")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as csv ({error})", fix=_FIX) from error
    if faults:
        raise DataError(f"{path}: {_few(faults)}", fix=_FIX)
    return found


def relabelled(
    samples: Sequence[Sample], relabels: Mapping[str, int | None], *, root: Path, where: Path
) -> list[Sample]:
    """Give samples their new labels; their votes go, since a person has decided.

    Errors: DataError names paths that are no sample's.
    """
    paths = {sample.called(root) for sample in samples}
    strange = [path for path in relabels if path not in paths]
    if strange:
        raise DataError(f"{where}: no training images {_few(strange)}", fix="the csv belongs to another data set")
    changed: list[Sample] = []
    for sample in samples:
        path = sample.called(root)
        if path not in relabels:
            changed.append(sample)
        elif (new := relabels[path]) is not None:
            changed.append(replace(sample, label=new, votes=None, first_label=None))
    return changed


def _few(items: Sequence[str]) -> str:
    more = f"; and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return "; ".join(items[:_SHOWN]) + more
