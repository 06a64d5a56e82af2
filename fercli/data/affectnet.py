"""Reads AffectNet in place: the manually annotated csv lists, the npy annotations, or numbered class folders."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fercli.config.labels import LabelSchema, schema
from fercli.data.crops import LANDMARK_TEMPLATE
from fercli.data.faults import refuse_faults
from fercli.data.folder import open_owners_folder
from fercli.data.records import Dataset, Sample, Split
from fercli.errors import DataError
from fercli.faces.landmarks import five_of_68
from fercli.results import Box, Landmarks

CSV_LAYOUT = "training.csv, validation.csv and Manually_Annotated_Images/1/HASH.jpg"
NPY_LAYOUT = "train_set/images/0.jpg with train_set/annotations/0_exp.npy, and val_set likewise"
LAYOUT = f"{CSV_LAYOUT}; or {NPY_LAYOUT}; or train/0..7/*.jpg and val/0..7/*.jpg"

# The owner keeps the true test set: what papers call AffectNet's test set is its validation list.
_CSV_LISTS: Mapping[str, Split] = {"training": "train", "validation": "test"}
_NPY_SETS: Mapping[str, Split] = {"train_set": "train", "val_set": "test"}
_LIST_FOLDERS = ("", "Manually_Annotated_file_lists")
_IMAGE_FOLDERS = (
    "Manually_Annotated_Images",
    "Manually_Annotated/Manually_Annotated_Images",
    "Manually_Annotated_compressed/Manually_Annotated_Images",
    "Manually_Annotated",
    "",
)
_COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression",
    "valence", "arousal",
)  # fmt: skip
_CODES = tuple(str(code) for code in range(11))  # 8 none, 9 uncertain, 10 no face: no expression
_FEWEST = 7  # columns up to the expression


def is_affectnet(root: Path) -> bool:
    """Whether the folder is one of the owner's two layouts."""
    return bool(_csv_lists(root) or _npy_sets(root))


def open_affectnet(root: Path, name: str, missing: list[str] | None = None) -> Dataset:
    """Read AffectNet with its 7 or 8 classes, by `name`: affectnet7 or affectnet8.

    The official validation images are the `test` split, as everywhere in the literature; there is no other validation
    split. csv layout: faces are aligned by the owner's 68 landmarks, or cut out by the owner's box where a row has
    none. npy layout: its images are the owner's crops. Rows without one of the classes are left out.
    Errors: DataError names rows and files that are at fault; images that are not there go into `missing` if it is given.
    """
    labels = schema(name)
    lists, sets = _csv_lists(root), _npy_sets(root)
    if lists:
        return _open_csv(root, lists, labels, missing)
    if sets:
        return _open_npy(root, sets, labels, missing)
    return open_owners_folder(root, labels)


def _csv_lists(root: Path) -> dict[Split, Path]:
    found: dict[Split, Path] = {}
    for stem, split in _CSV_LISTS.items():
        places = [root / folder / f"{stem}.csv" for folder in _LIST_FOLDERS]
        there = next((place for place in places if place.is_file()), None)
        if there is not None:
            found[split] = there
    return found


def _npy_sets(root: Path) -> dict[Split, Path]:
    return {split: root / name for name, split in _NPY_SETS.items() if (root / name / "annotations").is_dir()}


def _open_csv(root: Path, lists: Mapping[Split, Path], labels: LabelSchema, missing: list[str] | None) -> Dataset:
    images = [root / folder for folder in _IMAGE_FOLDERS if (root / folder).is_dir()]
    samples: list[Sample] = []
    for split, path in lists.items():
        faults: list[str] = []
        absent = faults if missing is None else missing
        folder: Path | None = None
        for line, row in _csv_rows(path):
            try:
                sample = _csv_sample(row, split, labels)
            except ValueError as fault:
                faults.append(f"line {line}: {fault}")
                continue
            if sample is None:
                continue
            if folder is None or not (folder / sample.path).is_file():
                folder = next((place for place in images if (place / sample.path).is_file()), folder)
            if folder is None or not (folder / sample.path).is_file():
                absent.append(f"line {line}: {sample.path} is not there")
                continue
            samples.append(replace(sample, path=folder / sample.path))
        refuse_faults(path, faults, fix=f"expected layout: {CSV_LAYOUT}")
    return _dataset(root, samples, labels, crop=LANDMARK_TEMPLATE)


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column name; some copies of the lists have no header line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            columns: Sequence[str] = _COLUMNS
            for cells in reader:
                if reader.line_num == 1 and _COLUMNS[0] in cells:
                    columns = [cell.strip() for cell in cells]
                elif cells:
                    yield reader.line_num, dict(zip(columns, cells, strict=False))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as csv ({error})", fix=f"expected layout: {CSV_LAYOUT}") from error


def _csv_sample(row: Mapping[str, str], split: Split, labels: LabelSchema) -> Sample | None:
    """The row's sample with a path below the images' folder; None for what is no expression or none of the classes."""
    if len(row) < _FEWEST:
        raise ValueError(f"{len(row)} fields, not {len(_COLUMNS)}")
    code = row["expression"].strip()
    if code not in _CODES:
        raise ValueError(f"expression {code!r} is none of 0..10")
    if code not in labels.codes:
        return None
    return Sample(
        path=Path(row["subDirectory_filePath"].strip().replace("\\", "/")),
        split=split,
        label=labels.codes.index(code),
        box_xyxy=_box(row),
        landmarks=_landmarks(row["facial_landmarks"]),
    )


def _landmarks(text: str) -> Landmarks | None:
    """Five points of the owner's 68; None where the cell is empty, NULL or anything else than 136 numbers."""
    try:
        values = np.array(text.split(";"), np.float64)
    except ValueError:
        return None
    return five_of_68(values) if values.shape == (136,) and np.isfinite(values).all() else None


def _box(row: Mapping[str, str]) -> Box | None:
    """The face's box; None where the owner wrote NULL or a width below zero: then the picture is taken whole."""
    cells = [row[name].strip() for name in ("face_x", "face_y", "face_width", "face_height")]
    if not all(map(_is_number, cells)):
        return None
    left, top, width, height = map(float, cells)
    return (left, top, left + width, top + height) if width > 0 and height > 0 else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _open_npy(root: Path, sets: Mapping[Split, Path], labels: LabelSchema, missing: list[str] | None) -> Dataset:
    samples: list[Sample] = []
    for split, folder in sets.items():
        faults: list[str] = []
        absent = faults if missing is None else missing
        for path in sorted((folder / "annotations").glob("*_exp.npy"), key=lambda path: (len(path.name), path.name)):
            image = folder / "images" / f"{path.name.removesuffix('_exp.npy')}.jpg"
            try:
                code = str(int(np.load(path, allow_pickle=False).item()))
            except (OSError, ValueError) as fault:
                faults.append(f"{path.name}: {fault}")
                continue
            if code not in _CODES:
                faults.append(f"{path.name}: expression {code} is none of 0..10")
            elif code in labels.codes and not image.is_file():
                absent.append(f"images/{image.name} is not there")
            elif code in labels.codes:
                samples.append(Sample(image, split, labels.codes.index(code)))
        refuse_faults(folder, faults, fix=f"expected layout: {NPY_LAYOUT}")
    return _dataset(root, samples, labels, crop=None)


def _dataset(root: Path, samples: Sequence[Sample], labels: LabelSchema, *, crop: str | None) -> Dataset:
    if not samples:
        raise DataError(f"{root} has no image with one of the classes", fix=f"expected layout: {LAYOUT}")
    doubled = [name for name, times in Counter(sample.called(root) for sample in samples).items() if times > 1]
    if doubled:
        raise DataError(
            f"{root}: {len(doubled)} images are listed more than once ({', '.join(doubled[:3])})",
            fix="keep one line for each image",
        )
    return Dataset(
        name=labels.name, schema=labels.name, labels=labels.names, samples=tuple(samples), root=root, crop=crop
    )
