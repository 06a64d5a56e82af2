"""A prepared data set on disk: images, dataset.csv (one row per source image) and dataset.json (labels, counts)."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fercli.data.dataset import SPLITS, Dataset, Sample, Split
from fercli.data.list_errors import ListErrors
from fercli.errors import DataError
from fercli.system.csv_file import csv_writer
from fercli.system.inside import inside
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json

PREPARED_CSV, PREPARED_JSON = "dataset.csv", "dataset.json"
_MAX_VOTES = 1e6
_FORMAT = 1
_COLUMNS = ("path", "split", "label", "original_label", "row", "excluded", "duplicate_group", "duplicate_across_splits")
VOTES = "votes_"
_PREPARE_AGAIN = "fer data prepare fer2013 FER2013.csv OUT --overwrite"


@dataclass(frozen=True)
class Record:
    """One source image: its path relative to the root (None if it was not written), split and label.

    label: class name in use, None without one. row: 0-based row of the official table.
    excluded: reason the image has no label.
    """

    path: str | None
    split: Split
    label: str | None
    original_label: str
    row: int
    excluded: str | None = None
    duplicate_group: str | None = None
    duplicate_across_splits: bool = False
    votes: tuple[int, ...] | None = None


def write_prepared(
    root: Path, records: Sequence[Record], *, facts: Mapping[str, Any], vote_classes: Sequence[str]
) -> None:
    """Write dataset.csv and dataset.json; `facts` are the json's fields, `vote_classes` name each record's votes."""
    with (root / PREPARED_CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv_writer(file)
        writer.writerow([*_COLUMNS, *(VOTES + name for name in vote_classes)])
        for record in records:
            cells = [getattr(record, name) for name in _COLUMNS[:-1]]
            writer.writerow([*cells, int(record.duplicate_across_splits), *(record.votes or ())])
    write_json(root / PREPARED_JSON, {"format": _FORMAT, **facts})


def fingerprint(records: Iterable[Record], pixel_hashes: Iterable[str]) -> str:
    """Return the SHA-256 of every record's path, split and label with its picture's hash: equal ones are equal data sets."""
    digest = hashlib.sha256()
    for record, pixels in zip(records, pixel_hashes, strict=True):
        digest.update(f"{record.path},{record.split},{record.label},{record.votes},{pixels}\n".encode())
    return digest.hexdigest()


def is_prepared(root: Path) -> bool:
    """Whether the folder contains both files."""
    return (root / PREPARED_CSV).is_file() and (root / PREPARED_JSON).is_file()


def open_prepared(root: Path) -> Dataset:
    """Read a prepared data set; images that were not written are left out. DataError names all errors by line."""
    facts = read_facts(root / PREPARED_JSON)
    labels = tuple(facts["labels"])
    samples: list[Sample] = []
    without_file: Counter[Split] = Counter()
    errors = ListErrors(root / PREPARED_CSV, fix=_PREPARE_AGAIN)
    with errors.reading(), (root / PREPARED_CSV).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = {"path", "split", "label"} - set(reader.fieldnames or ())
        if missing:
            raise DataError(f"{root / PREPARED_CSV} has no column {', '.join(sorted(missing))}", fix=_PREPARE_AGAIN)
        has_votes = {VOTES + name for name in labels} <= set(reader.fieldnames or ())
        for row in reader:
            try:
                split = _split(row["split"])
                if row["path"]:
                    samples.append(_sample(root, row, split, labels, has_votes=has_votes))
                elif row["label"]:
                    without_file[split] += 1
            except ValueError as error:
                errors.add(f"line {reader.line_num}: {error}")
    errors.raise_if_any()
    return Dataset(
        name=facts["name"],
        schema=facts["schema"],
        labels=labels,
        samples=tuple(samples),
        root=root,
        crop=facts.get("crop"),
        alignment=facts.get("alignment"),
        fingerprint=facts.get("fingerprint"),
        without_file=without_file,
    )


def _split(name: str) -> Split:
    if name not in SPLITS:
        raise ValueError(f"split {name!r} is none of {', '.join(SPLITS)}")
    return name


def _sample(root: Path, row: Mapping[str, str], split: Split, labels: Sequence[str], *, has_votes: bool) -> Sample:
    if row["label"] and row["label"] not in labels:
        raise ValueError(f"label {row['label']!r} is none of {', '.join(labels)}")
    path = inside(root, row["path"])
    if not path.is_file():
        raise ValueError(f"{row['path']} does not exist")
    return Sample(
        path=path,
        split=split,
        label=labels.index(row["label"]) if row["label"] else None,
        votes=tuple(_votes(row[VOTES + name]) for name in labels) if has_votes else None,
        group=row.get("duplicate_group") or None,
        first_label=labels.index(first) if has_votes and (first := row.get("original_label")) in labels else None,
    )


def _votes(text: str) -> float:
    number = float(text)
    if not 0 <= number <= _MAX_VOTES:
        raise ValueError(f"{text!r} is not a number of votes")
    return number


def read_facts(path: Path) -> dict[str, Any]:
    """Read PREPARED_JSON. Raises: DataError for a damaged one."""
    try:
        facts = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", fix=_PREPARE_AGAIN) from error
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
        raise DataError(f"{path} is not of format {_FORMAT}", fix=_PREPARE_AGAIN)
    for name, kind in (("name", str), ("schema", str), ("labels", list)):
        if not isinstance(facts.get(name), kind):
            raise DataError(f"{path} has no {name}", fix=_PREPARE_AGAIN)
    return facts
