"""AffectNet in its official layout: the manually annotated csv lists, the npy annotations, or numbered class folders."""

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
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.folder import open_official_folder
from fercli.data.list_errors import ListErrors, coordinate_px, first_few
from fercli.data.reader import Published, Reader, class_counts
from fercli.errors import DataError
from fercli.faces.landmarks import five_of_68
from fercli.results import Box, Landmarks
from fercli.system.inside import inside

_CSV_LAYOUT = "training.csv, validation.csv and Manually_Annotated_Images/1/HASH.jpg"
_NPY_LAYOUT = "train_set/images/0.jpg with train_set/annotations/0_exp.npy, and val_set likewise"
_LAYOUT = f"{_CSV_LAYOUT}; or {_NPY_LAYOUT}; or train/0..7/*.jpg and val/0..7/*.jpg"

# The test set is not published: what papers call AffectNet's test set is its validation list.
_CSV_LISTS: Mapping[str, Split] = {"training": "train", "validation": "test"}
_NPY_FOLDERS: Mapping[str, Split] = {"train_set": "train", "val_set": "test"}
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
_MIN_COLUMNS = 7  # up to the expression


def read_affectnet(root: Path, labels: LabelSchema) -> Dataset:
    """Read AffectNet with its 7 or 8 classes.

    The official validation images are the `test` split, as everywhere in the literature; there is no other validation
    split. csv layout: faces are aligned by the official 68 landmarks, or cropped by the official box where a row has none.
    npy layout: its images are the official crops. Rows without one of the classes are left out.
    Raises: DataError names rows and files that cannot be parsed.
    """
    lists, folders = _csv_lists(root), _npy_folders(root)
    if lists:
        return _read_csv_lists(root, lists, labels)
    if folders:
        return _read_npy_folders(root, folders, labels)
    return open_official_folder(root, labels)


def _csv_lists(root: Path) -> dict[Split, Path]:
    paths = {split: [root / folder / f"{stem}.csv" for folder in _LIST_FOLDERS] for stem, split in _CSV_LISTS.items()}
    existing = {
        split: next((path for path in alternatives if path.is_file()), None) for split, alternatives in paths.items()
    }
    return {split: path for split, path in existing.items() if path is not None}


def _npy_folders(root: Path) -> dict[Split, Path]:
    return {split: root / name for name, split in _NPY_FOLDERS.items() if (root / name / "annotations").is_dir()}


def _read_csv_lists(root: Path, lists: Mapping[Split, Path], labels: LabelSchema) -> Dataset:
    image_folders = [root / folder for folder in _IMAGE_FOLDERS if (root / folder).is_dir()]
    samples: list[Sample] = []
    missing: list[str] = []
    for split, path in lists.items():
        errors = ListErrors(path, fix=f"expected layout: {_CSV_LAYOUT}")
        folder: Path | None = None  # of the previous image: the next one is nearly always in the same
        for line, row in _csv_rows(path):
            try:
                sample = _parse_row(row, split, labels)
                if sample is not None:
                    inside(root, str(sample.path))
            except ValueError as error:
                errors.add(f"line {line}: {error}")
                continue
            if sample is None:
                continue
            if folder is None or not (folder / sample.path).is_file():
                folder = next((images for images in image_folders if (images / sample.path).is_file()), folder)
            if folder is None or not (folder / sample.path).is_file():
                errors.add_missing(f"line {line}", str(sample.path))
            else:
                samples.append(replace(sample, path=folder / sample.path))
        errors.raise_if_any()
        missing += errors.missing
    return _dataset(root, samples, labels, crop=LANDMARK_TEMPLATE, missing=missing)


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
        raise DataError(f"{path} cannot be read as csv ({error})", fix=f"expected layout: {_CSV_LAYOUT}") from error


def _parse_row(row: Mapping[str, str], split: Split, labels: LabelSchema) -> Sample | None:
    """The row's sample with a path relative to the image folder; None if it has none of the classes."""
    if len(row) < _MIN_COLUMNS:
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
    """Five points of the official 68; None where the cell is empty, NULL or anything else than 136 numbers."""
    try:
        values = np.array(text.split(";"), np.float64)
    except ValueError:
        return None
    return five_of_68(values) if values.shape == (136,) and np.isfinite(values).all() else None


def _box(row: Mapping[str, str]) -> Box | None:
    """The face's box; None where the list has NULL or a negative width: then the whole picture is used."""
    cells = [row[name].strip() for name in ("face_x", "face_y", "face_width", "face_height")]
    if not all(map(_is_number, cells)):
        return None
    left, top, width, height = map(coordinate_px, cells)
    return (left, top, left + width, top + height) if width > 0 and height > 0 else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _read_npy_folders(root: Path, folders: Mapping[Split, Path], labels: LabelSchema) -> Dataset:
    samples: list[Sample] = []
    missing: list[str] = []
    for split, folder in folders.items():
        errors = ListErrors(folder, fix=f"expected layout: {_NPY_LAYOUT}")
        for path in sorted((folder / "annotations").glob("*_exp.npy"), key=lambda path: (len(path.name), path.name)):
            image = folder / "images" / f"{path.name.removesuffix('_exp.npy')}.jpg"
            try:
                code = str(int(np.load(path, allow_pickle=False).item()))
            except (OSError, ValueError) as error:
                errors.add(f"{path.name}: {error}")
                continue
            if code not in _CODES:
                errors.add(f"{path.name}: expression {code} is none of 0..10")
            elif code in labels.codes and not image.is_file():
                errors.add_missing(path.name, f"images/{image.name}")
            elif code in labels.codes:
                samples.append(Sample(image, split, labels.codes.index(code)))
        errors.raise_if_any()
        missing += errors.missing
    return _dataset(root, samples, labels, crop=None, missing=missing)


def _dataset(
    root: Path, samples: Sequence[Sample], labels: LabelSchema, *, crop: str | None, missing: Sequence[str]
) -> Dataset:
    if not samples:
        raise DataError(
            f"{root} has no image with one of the classes" + (f": {first_few(missing)}" if missing else ""),
            fix=f"expected layout: {_LAYOUT}",
        )
    repeated = [name for name, count in Counter(sample.called(root) for sample in samples).items() if count > 1]
    if repeated:
        raise DataError(
            f"{root}: {len(repeated)} images are listed more than once ({', '.join(repeated[:3])})",
            fix="keep one line for each image",
        )
    return Dataset(
        name=labels.name,
        schema=labels.name,
        labels=labels.names,
        samples=tuple(samples),
        root=root,
        crop=crop,
        missing=tuple(missing),
    )


def _reader(name: str, train: Sequence[int]) -> Reader:
    labels = schema(name)
    return Reader(
        labels=labels,
        read=read_affectnet,
        layout=_LAYOUT,
        matches=lambda root: bool(_csv_lists(root) or _npy_folders(root)),
        published=Published(
            access="apply at http://mohammadmahoor.com/affectnet/",
            counts={"train": class_counts(labels, *train), "test": class_counts(labels, *[500] * len(train))},
            note=(
                "The official validation images are the test split, as in the literature; the true test set was never "
                "published. Papers count 3,999 or 4,000 of them (contempt: 499 or 500), and 291,568 images in all is an "
                "inherited misprint for 291,651."
            ),
        ),
    )


AFFECTNET7 = _reader("affectnet7", (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882))
AFFECTNET8 = _reader("affectnet8", (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750))
