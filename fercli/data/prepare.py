"""Convert FER2013's csv (and FERPlus' votes) to a folder of PNG files with dataset.csv and dataset.json."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from fercli.config.labels import schema
from fercli.data.dataset import SPLITS, Split
from fercli.data.duplicates import Duplicates, count_duplicates
from fercli.data.fer2013_csv import SIDE, VOTE_CLASSES, FerRow, VoteRow, check_same_rows, read_fer2013, read_votes
from fercli.data.fer2013_labels import FerLabel, copy_groups, label_rows
from fercli.data.prepared import PREPARED_JSON, Record, fingerprint, write_prepared
from fercli.errors import UsageError
from fercli.progress import Progress, silent
from fercli.system.digest import file_sha256
from fercli.system.files import refuse_existing_folder, replacing_folder

Rule = Literal["majority", "original"]

UNLABELLED = "unlabelled"  # folder of the images that have votes but no winner
LICENCE = (
    "Images: FER2013, ICML-2013 Kaggle challenge (the owner's licence text is not known; research use). "
    "Votes, where present: FERPlus, MIT."
)


@dataclass(frozen=True)
class PrepareResult:
    """Labelled images per split and class that `prepare` wrote, and images without a label per split and reason."""

    root: Path
    name: str
    labels: tuple[str, ...]
    counts: Mapping[Split, Mapping[str, int]]
    excluded: Mapping[Split, Mapping[str, int]]
    duplicates: Duplicates
    fingerprint: str

    @property
    def total(self) -> dict[Split, int]:
        """Labelled images per split."""
        return {split: sum(classes.values()) for split, classes in self.counts.items()}


def prepare(
    csv: Path,
    out: Path,
    *,
    ferplus: Path | None = None,
    labels: Rule | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> PrepareResult:
    """Write FER2013 as OUT/{train,val,test}/CLASS/NAME.png with its tables, in one step.

    NAME is FERPlus' own (fer0000000, as the published subset lists have it) or, without one, the csv row (row0000000).
    Training, PublicTest and PrivateTest become train, val and test. labels: `majority` (the default with `ferplus`)
    takes FERPlus' winner and puts images without one in OUT/unlabelled; `original` keeps the official labels.
    Raises: DataError for errors in the csv files, RefusedError where `out` exists, UsageError for `majority` without votes.
    """
    rule: Rule = labels or ("majority" if ferplus else "original")
    if rule == "majority" and ferplus is None:
        raise UsageError("--labels majority needs FERPlus' votes", fix="--ferplus fer2013new.csv, or --labels original")
    refuse_existing_folder(out, overwrite=overwrite, mark=PREPARED_JSON)
    progress(0, None, "reading")
    rows = read_fer2013(csv)
    votes = _votes(ferplus, rows) if ferplus else None
    names = schema("ferplus" if rule == "majority" else "fer2013").names
    records = _records(rows, label_rows(rows, votes, by_majority=rule == "majority"))
    result = _summary(out, records, rows, name="ferplus" if rule == "majority" else "fer2013", labels=names)
    with replacing_folder(out) as folder:
        _write_images(folder, rows, records, progress)
        sources = {"fer2013": csv} | ({"ferplus": ferplus} if ferplus else {})
        write_prepared(
            folder,
            records,
            facts=_facts(result, rule, sources),
            vote_classes=VOTE_CLASSES if votes else (),
        )
    return result


def _votes(ferplus: Path, rows: Sequence[FerRow]) -> list[VoteRow]:
    votes = read_votes(ferplus)
    check_same_rows(rows, votes)
    return votes


def _records(rows: Sequence[FerRow], labels: Sequence[FerLabel]) -> list[Record]:
    """The record of every row; written images with identical pixels share a group."""
    groups = copy_groups(rows, [label.usable for label in labels])
    splits: dict[str, set[Split]] = defaultdict(set)
    for index, group in groups.items():
        splits[group].add(rows[index].split)
    records = []
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        folder = f"{row.split}/{label.label}" if label.label is not None else f"{UNLABELLED}/{row.split}"
        shared = groups.get(index)
        records.append(
            Record(
                path=f"{folder}/{label.name}" if label.usable else None,
                split=row.split,
                label=label.label,
                original_label=row.label,
                row=index,
                excluded=label.reason,
                duplicate_group=shared,
                duplicate_across_splits=shared is not None and len(splits[shared]) > 1,
                votes=label.votes,
            )
        )
    return records


def _summary(
    out: Path, records: Sequence[Record], rows: Sequence[FerRow], *, name: str, labels: tuple[str, ...]
) -> PrepareResult:
    labelled = Counter((record.split, record.label) for record in records)
    reasons = Counter((record.split, record.excluded) for record in records)
    return PrepareResult(
        root=out,
        name=name,
        labels=labels,
        counts={split: {label: labelled[split, label] for label in labels} for split in SPLITS},
        excluded={
            split: {
                reason: n
                for (reason_split, reason), n in sorted(reasons.items(), key=str)
                if reason_split == split and reason
            }
            for split in SPLITS
        },
        duplicates=_duplicates(records),
        fingerprint=fingerprint(records, (hashlib.sha256(row.pixels).hexdigest() for row in rows)),
    )


def _duplicates(records: Sequence[Record]) -> Duplicates:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.duplicate_group:
            groups[record.duplicate_group].append(record)
    return count_duplicates([(record.split, record.label) for record in group] for group in groups.values())


def _facts(result: PrepareResult, rule: Rule, sources: Mapping[str, Path]) -> dict[str, object]:
    return {
        "name": result.name,
        "schema": result.name,
        "labels": list(result.labels),
        "label_rule": rule,
        "licence": LICENCE,
        "sources": {name: {"file": path.name, "sha256": file_sha256(path)} for name, path in sources.items()},
        "counts": result.counts,
        "excluded": result.excluded,
        "duplicates": asdict(result.duplicates),
        "fingerprint": result.fingerprint,
    }


def _write_images(folder: Path, rows: Sequence[FerRow], records: Sequence[Record], progress: Progress) -> None:
    for parent in {Path(record.path).parent for record in records if record.path}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    for number, (row, record) in enumerate(zip(rows, records, strict=True), start=1):
        if record.path is not None:
            Image.frombytes("L", (SIDE, SIDE), row.pixels).save(folder / record.path)
        progress(number, len(rows), "writing")
