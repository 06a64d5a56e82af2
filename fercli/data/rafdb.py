"""RAF-DB (basic): the official label list with aligned or original images, or the common copy DATASET/{train,test}/1..7."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fercli.config.labels import LabelSchema, schema
from fercli.data.align_files import finished_alignment
from fercli.data.crops import LANDMARK_TEMPLATE
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.folder import open_official_folder
from fercli.data.list_errors import ListErrors, coordinate_px
from fercli.data.reader import Published, Reader, class_counts
from fercli.results import Landmarks

LABEL_LIST = Path("EmoLabel") / "list_patition_label.txt"  # the official spelling
ALIGNED, ORIGINAL = Path("Image") / "aligned", Path("Image") / "original"
ALIGNED_BY_FER = Path("Image") / "aligned-by-fer"  # written by `fer align` without an output folder
_LAYOUT = (
    f"{LABEL_LIST} beside {ALIGNED}/train_00001_aligned.jpg, or DATASET/train/1..7/ and DATASET/test/1..7/ (or valid/)"
)


def read_rafdb(root: Path, labels: LabelSchema) -> Dataset:
    """Read RAF-DB's official layout, its copy DATASET/{train,test}/{1..7}, or split folders of class folders.

    Of the official layout, Image/aligned-by-fer is read if `fer align` made it, else Image/aligned (100 x 100 crops), and
    Image/original if there are no crops or `root` is that folder: photos, whose faces are aligned by the official five
    landmarks, set by hand. RAF-DB has no validation split: the baseline's folder `valid` holds the test images.
    Raises: DataError names lines that cannot be parsed.
    """
    folders = _list_and_images(root)
    if folders is not None:
        return _read_list(*folders, labels)
    copy = root / "DATASET"
    return open_official_folder(copy if copy.is_dir() else root, labels)


def basic_folder(root: Path) -> Path | None:
    """Return the folder with the official list: this one or its `basic` folder; None if there is none."""
    return next((folder for folder in (root, root / "basic") if (folder / LABEL_LIST).is_file()), None)


def official_landmarks(basic: Path, stem: str) -> Landmarks:
    """Return the five official landmarks, set by annotators: eyes, nose, mouth corners, one `x y` a line."""
    lines = (basic / "Annotation" / "manual" / f"{stem}_manu_attri.txt").read_text(encoding="utf-8").splitlines()
    left_eye, right_eye, nose, *corners = [
        (coordinate_px(x), coordinate_px(y)) for x, y in (line.split() for line in lines[:5])
    ]
    left_corner, right_corner = corners
    return left_eye, right_eye, nose, left_corner, right_corner


def _list_and_images(root: Path) -> tuple[Path, Path] | None:
    """The folder that holds the list and the folder of images to read; None if `root` is not the official layout."""
    folder = basic_folder(root)
    if folder is not None:
        known = (folder / name for name in (ALIGNED_BY_FER, ALIGNED, ORIGINAL))
        return folder, next((images for images in known if images.is_dir()), folder / ALIGNED)
    above = root.resolve().parent
    if above.name == "Image" and (above.parent / LABEL_LIST).is_file():
        return above.parent, above / root.resolve().name
    return None


def _is_common_copy(root: Path) -> bool:
    """Whether this is DATASET/train/1..7, whose names and codes only copies of RAF-DB have."""
    train = root / "DATASET" / "train"
    folders = {folder.name for folder in train.iterdir() if folder.is_dir()} if train.is_dir() else set()
    return folders == set(schema("rafdb").codes)


def _read_list(basic: Path, images: Path, labels: LabelSchema) -> Dataset:
    alignment = finished_alignment(images)
    without_face = {Path(row.source).stem for row in alignment.rows if row.output is None} if alignment else set()
    without_file: Counter[Split] = Counter()
    photos = images.name == ORIGINAL.name
    samples: list[Sample] = []
    errors = ListErrors(basic / LABEL_LIST, fix=f"expected layout: {_LAYOUT}")
    with errors.reading():
        lines = (basic / LABEL_LIST).read_text(encoding="utf-8").splitlines()
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            name, split, label = _parse(text, labels)
            stem = Path(name).stem
            names = (f"{stem}.jpg", f"{stem}_aligned.jpg") if photos else (f"{stem}_aligned.jpg", f"{stem}.jpg")
            path = next((images / known for known in names if (images / known).is_file()), None)
            if stem in without_face:
                without_file[split] += 1
            elif path is None:
                errors.add_missing(f"line {line}", (images / names[0]).relative_to(basic).as_posix())
            else:
                points = _checked_landmarks(basic, name) if photos else None
                samples.append(Sample(path, split, label, landmarks=points))
        except ValueError as error:
            errors.add(f"line {line}: {error}")
    errors.raise_if_any()
    errors.raise_if_empty(samples)
    return Dataset(
        name=labels.name,
        schema=labels.name,
        labels=labels.names,
        samples=tuple(samples),
        root=basic,
        crop=alignment.settings.crop if alignment else LANDMARK_TEMPLATE if photos else None,
        alignment=alignment.record if alignment else None,
        without_file=without_file,
        missing=tuple(errors.missing),
    )


def _parse(text: str, labels: LabelSchema) -> tuple[str, Split, int]:
    """File name, split and class index of one line. Raises: ValueError."""
    name, _, code = text.strip().partition(" ")
    split: Split | None = "train" if name.startswith("train_") else "test" if name.startswith("test_") else None
    if split is None:
        raise ValueError(f"{name!r} begins with neither train_ nor test_")
    if code.strip() not in labels.codes:
        raise ValueError(f"label {code!r} is none of {labels.codes[0]}..{labels.codes[-1]}")
    return name, split, labels.codes.index(code.strip())


def _checked_landmarks(basic: Path, name: str) -> Landmarks:
    try:
        return official_landmarks(basic, Path(name).stem)
    except (OSError, ValueError) as error:
        raise ValueError(f"no five landmarks in Annotation/manual for {name} ({error})") from error


RAFDB = Reader(
    labels=schema("rafdb"),
    read=read_rafdb,
    layout=_LAYOUT,
    matches=lambda root: _list_and_images(root) is not None or _is_common_copy(root),
    published=Published(
        access="apply at http://www.whdeld.cn/RAF/model1.html",
        counts={
            "train": class_counts(schema("rafdb"), 1290, 281, 717, 4772, 1982, 705, 2524),
            "test": class_counts(schema("rafdb"), 329, 74, 160, 1185, 478, 162, 680),
        },
        note="The lineage of POSTER++ trains on crops aligned by MTCNN; the official 100 x 100 crops give other numbers.",
    ),
)
