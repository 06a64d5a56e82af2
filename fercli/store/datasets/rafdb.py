"""Reads RAF-DB (basic) in place: the owner's list and aligned crops, or the numbered folders of its public copy."""

from __future__ import annotations

from pathlib import Path

from fercli.errors import DataError
from fercli.labels import schema
from fercli.store.datasets.folder import open_folder
from fercli.store.datasets.records import Dataset, Sample, Split

LIST = Path("EmoLabel") / "list_patition_label.txt"  # the owner's spelling
ALIGNED = Path("Image") / "aligned"
LAYOUT = f"{LIST} beside {ALIGNED}/train_00001_aligned.jpg, or DATASET/train/1..7/ and DATASET/test/1..7/"
_FAULTS_SHOWN = 10


def is_rafdb(root: Path) -> bool:
    """Whether the folder (or its `basic` folder) is the owner's layout."""
    return _basic(root) is not None


def open_rafdb(root: Path) -> Dataset:
    """Read RAF-DB's owner's layout, its copy DATASET/{train,test}/{1..7}, or split folders of class folders.

    RAF-DB has no validation split. Errors: DataError names lines that cannot be read and images that are not there.
    """
    basic = _basic(root)
    if basic is not None:
        return _open_official(basic)
    copy = root / "DATASET"
    return open_folder(copy if copy.is_dir() else root, labels=schema("rafdb"))


def _basic(root: Path) -> Path | None:
    return next((folder for folder in (root, root / "basic") if (folder / LIST).is_file()), None)


def _open_official(basic: Path) -> Dataset:
    labels = schema("rafdb")
    samples: list[Sample] = []
    faults: list[str] = []
    for line, text in enumerate((basic / LIST).read_text(encoding="utf-8").splitlines(), start=1):
        if not text.strip():
            continue
        name, _, code = text.strip().partition(" ")
        split: Split | None = "train" if name.startswith("train_") else "test" if name.startswith("test_") else None
        path = basic / ALIGNED / f"{Path(name).stem}_aligned.jpg"
        if split is None:
            faults.append(f"line {line}: {name!r} begins with neither train_ nor test_")
        elif code not in labels.codes:
            faults.append(f"line {line}: label {code!r} is none of {labels.codes[0]}..{labels.codes[-1]}")
        elif not path.is_file():
            faults.append(f"line {line}: {path.relative_to(basic)} is not there")
        else:
            samples.append(Sample(path, split, labels.codes.index(code)))
    if faults or not samples:
        listed = "; ".join(faults[:_FAULTS_SHOWN]) or "no rows"
        more = f"; and {len(faults) - _FAULTS_SHOWN} more lines" if len(faults) > _FAULTS_SHOWN else ""
        raise DataError(f"{basic / LIST}: {listed}{more}", fix=f"expected layout: {LAYOUT}")
    return Dataset(name="rafdb", schema="rafdb", labels=labels.names, samples=tuple(samples), root=basic)
