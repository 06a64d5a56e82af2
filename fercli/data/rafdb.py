"""Reads RAF-DB (basic) in place: the owner's list with its crops or photos, or the numbered folders of its public copy."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fercli.config.labels import schema
from fercli.data.crops import LANDMARK_TEMPLATE
from fercli.data.faults import refuse_faults
from fercli.data.folder import open_owners_folder
from fercli.data.records import Dataset, Sample, Split
from fercli.errors import DataError
from fercli.results import Landmarks

LIST = Path("EmoLabel") / "list_patition_label.txt"  # the owner's spelling
ALIGNED, ORIGINAL = Path("Image") / "aligned", Path("Image") / "original"
ALIGNED_HERE = Path("Image") / "aligned-by-fer"  # by `fer align`, in place
LAYOUT = f"{LIST} beside {ALIGNED}/train_00001_aligned.jpg, or DATASET/train/1..7/ and DATASET/test/1..7/ (or valid/)"


def is_rafdb(root: Path) -> bool:
    """Whether the folder, its `basic` folder, or the one above a folder of its pictures, is the owner's layout."""
    return _basic(root) is not None


def open_rafdb(root: Path, missing: list[str] | None = None) -> Dataset:
    """Read RAF-DB's owner's layout, its copy DATASET/{train,test}/{1..7}, or split folders of class folders.

    Of the owner's layout, Image/aligned-by-fer is read if `fer align` made it, else Image/aligned (100 x 100 crops), and
    Image/original where it alone is there or `root` names it: photos, whose faces are aligned by the owner's five hand-set
    landmarks. RAF-DB has no validation split: the baseline's folder `valid` holds the test images.
    Errors: DataError names lines that cannot be read and images that are not there; these go into `missing` if it is given.
    """
    found = _basic(root)
    if found is not None:
        return _open_official(*found, missing)
    copy = root / "DATASET"
    return open_owners_folder(copy if copy.is_dir() else root, schema("rafdb"))


def basic_folder(root: Path) -> Path | None:
    """The folder with the owner's list: this one or its `basic` folder; None if there is none."""
    return next((folder for folder in (root, root / "basic") if (folder / LIST).is_file()), None)


def _basic(root: Path) -> tuple[Path, Path] | None:
    """The folder that holds the list, and the one of its pictures that is wanted."""
    folder = basic_folder(root)
    if folder is not None:
        known = (folder / name for name in (ALIGNED_HERE, ALIGNED, ORIGINAL))
        return folder, next((images for images in known if images.is_dir()), folder / ALIGNED)
    above = root.resolve().parent
    if above.name == "Image" and (above.parent / LIST).is_file():
        return above.parent, above / root.resolve().name
    return None


def _open_official(basic: Path, images: Path, missing: list[str] | None) -> Dataset:
    from fercli.data.align_record import finished_alignment  # which imports this package

    labels, alignment = schema("rafdb"), finished_alignment(images)
    faceless = {Path(row.source).stem for row in alignment.rows if row.output is None} if alignment else set()
    unwritten: Counter[Split] = Counter()
    photos = images.name == ORIGINAL.name
    samples: list[Sample] = []
    faults: list[str] = []
    absent = faults if missing is None else missing
    for line, text in enumerate((basic / LIST).read_text(encoding="utf-8").splitlines(), start=1):
        if not text.strip():
            continue
        name, _, code = text.strip().partition(" ")
        stem = Path(name).stem
        split: Split | None = "train" if name.startswith("train_") else "test" if name.startswith("test_") else None
        names = (f"{stem}.jpg", f"{stem}_aligned.jpg") if photos else (f"{stem}_aligned.jpg", f"{stem}.jpg")
        path = next((images / known for known in names if (images / known).is_file()), None)
        if split is None:
            faults.append(f"line {line}: {name!r} begins with neither train_ nor test_")
        elif code.strip() not in labels.codes:
            faults.append(f"line {line}: label {code!r} is none of {labels.codes[0]}..{labels.codes[-1]}")
        elif stem in faceless:
            unwritten[split] += 1
        elif path is None:
            absent.append(f"line {line}: {(images / names[0]).relative_to(basic)} is not there")
        else:
            try:
                points = owners_landmarks(basic, stem) if photos else None
            except (OSError, ValueError) as fault:
                faults.append(f"line {line}: no five landmarks in Annotation/manual for {name} ({fault})")
                continue
            samples.append(Sample(path, split, labels.codes.index(code.strip()), landmarks=points))
    refuse_faults(basic / LIST, faults, fix=f"expected layout: {LAYOUT}")
    if not samples:
        raise DataError(f"{basic / LIST}: no row has an image", fix=f"expected layout: {LAYOUT}")
    return Dataset(
        name="rafdb",
        schema="rafdb",
        labels=labels.names,
        samples=tuple(samples),
        root=basic,
        crop=alignment.settings.crop if alignment else LANDMARK_TEMPLATE if photos else None,
        alignment=alignment.record if alignment else None,
        unwritten=unwritten,
    )


def owners_landmarks(basic: Path, stem: str) -> Landmarks:
    """The five points that the owner's annotators set: eyes, nose, mouth corners, one `x y` a line."""
    lines = (basic / "Annotation" / "manual" / f"{stem}_manu_attri.txt").read_text(encoding="utf-8").splitlines()
    left_eye, right_eye, nose, *corners = [(float(x), float(y)) for x, y in (line.split() for line in lines[:5])]
    left_corner, right_corner = corners
    return left_eye, right_eye, nose, left_corner, right_corner
