"""New labels for training images from a csv file that a person has reviewed."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fercli.config.labels import canonical
from fercli.data.dataset import Sample
from fercli.data.list_errors import ListErrors, first_few
from fercli.errors import DataError

PATH_COLUMN, LABEL_COLUMN = "path", "new_label"
DROP = "drop"  # instead of a class: the image is not used for training
_FIX = "column new_label: a class, `drop`, or empty; column path: relative to the data set's folder"


def read_relabels(path: Path, labels: Sequence[str]) -> dict[str, int | None]:
    """Read the rows with a `new_label`: a face's name in its data set -> class index, None to drop it.

    Raises: DataError names every line with an unknown class or that contradicts an earlier one.
    """
    relabels: dict[str, int | None] = {}
    errors = ListErrors(path, fix=_FIX)
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            if not {PATH_COLUMN, LABEL_COLUMN} <= set(reader.fieldnames or ()):
                raise DataError(f"{path} has no columns {PATH_COLUMN} and {LABEL_COLUMN}", fix=_FIX)
            for row in reader:
                name = canonical(row[LABEL_COLUMN] or "")
                if not name:
                    continue
                if name != DROP and name not in labels:
                    errors.add(f"line {reader.line_num}: {row[LABEL_COLUMN]!r} is none of {', '.join((*labels, DROP))}")
                    continue
                label = None if name == DROP else labels.index(name)
                if relabels.setdefault(row[PATH_COLUMN], label) != label:
                    errors.add(f"line {reader.line_num}: {row[PATH_COLUMN]} has another new label above")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as csv ({error})", fix=_FIX) from error
    errors.raise_if_any()
    return relabels


def relabel(samples: Sequence[Sample], relabels: Mapping[str, int | None], *, root: Path, where: Path) -> list[Sample]:
    """Give samples their new labels; their votes are removed. where: the csv file, for the message.

    Raises: DataError names paths of unknown samples.
    """
    paths = {sample.called(root) for sample in samples}
    unknown = [path for path in relabels if path not in paths]
    if unknown:
        raise DataError(f"{where}: no training images {first_few(unknown)}", fix="give the csv of this data set")
    changed: list[Sample] = []
    for sample in samples:
        path = sample.called(root)
        if path not in relabels:
            changed.append(sample)
        elif (label := relabels[path]) is not None:
            changed.append(replace(sample, label=label, votes=None, first_label=None))
    return changed
