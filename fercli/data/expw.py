"""Reads ExpW in place: label.lst with a box for every face, and the photos that the faces are cut from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fercli.config.labels import schema
from fercli.data.faults import refuse_faults
from fercli.data.records import Dataset, Sample, Split
from fercli.errors import DataError

LIST = Path("label") / "label.lst"
_IMAGES = ("image/origin/origin", "image/origin", "origin")
LAYOUT = "label/label.lst beside image/origin/*.jpg"
_TEST, _VAL = 0.2, 0.1  # shares of the photos
_FIELDS = 8  # image, face, top, left, right, bottom, confidence, expression


def is_expw(root: Path) -> bool:
    """Whether the folder, or its `data` folder, is the owner's layout."""
    return _data(root) is not None


def open_expw(root: Path, missing: list[str] | None = None) -> Dataset:
    """Read every face of label.lst with its box; `split_of` says which split its photo is in, as the owner does not.

    Errors: DataError names lines that cannot be read and photos that are not there.
    """
    data = _data(root)
    if data is None:
        raise DataError(f"{root} is not ExpW as its owner ships it", fix=f"expected layout: {LAYOUT}")
    labels = schema("expw")
    images = next((data / place for place in _IMAGES if (data / place).is_dir()), data / "image" / "origin")
    there: dict[str, bool] = {}
    samples: list[Sample] = []
    faults: list[str] = []
    absent = faults if missing is None else missing
    seen: set[str] = set()
    for line, text in enumerate((data / LIST).read_text(encoding="utf-8").splitlines(), start=1):
        fields = text.split()
        if not fields:
            continue
        if len(fields) != _FIELDS:
            faults.append(f"line {line}: {len(fields)} fields, not {_FIELDS}")
            continue
        image, face, *numbers, _confidence, code = fields
        name = f"{image}#{face}"
        if image not in there:
            there[image] = (images / image).is_file()
        try:
            top, left, right, bottom = map(float, numbers)  # in the owner's order
        except ValueError:
            faults.append(f"line {line}: the box {' '.join(numbers)!r} is not four numbers")
            continue
        if code not in labels.codes:
            faults.append(f"line {line}: expression {code!r} is none of {labels.codes[0]}..{labels.codes[-1]}")
        elif right <= left or bottom <= top:
            faults.append(
                f"line {line}: the box (top {top:g}, left {left:g}, right {right:g}, bottom {bottom:g}) is empty"
            )
        elif name in seen:
            faults.append(f"line {line}: face {face} of {image} is listed a second time")
        elif not there[image]:
            absent.append(f"line {line}: {(images / image).relative_to(data)} is not there")
        else:
            seen.add(name)
            box = (left, top, right, bottom)
            sample = Sample(images / image, split_of(image), labels.codes.index(code), box_xyxy=box, name=name)
            samples.append(sample)
    refuse_faults(data / LIST, faults, fix=f"expected layout: {LAYOUT}")
    if not samples:
        raise DataError(f"{data / LIST}: no row has an image", fix=f"expected layout: {LAYOUT}")
    return Dataset(name="expw", schema="expw", labels=labels.names, samples=tuple(samples), root=data)


def split_of(image: str) -> Split:
    """The split of a photo, by the sha256 of its file name: 20 % test, 10 % val, the rest train.

    All faces of one photo are in one split, and it does not change with what else is in the folder.
    """
    share = int(hashlib.sha256(image.encode()).hexdigest()[:8], 16) / 2**32
    return "test" if share < _TEST else "val" if share < _TEST + _VAL else "train"


def _data(root: Path) -> Path | None:
    return next((folder for folder in (root, root / "data") if (folder / LIST).is_file()), None)
