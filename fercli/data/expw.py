"""ExpW in its official layout: label.lst with a box for every face, and the photos that contain the faces."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fercli.config.labels import LabelSchema, schema
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.folder import open_folder
from fercli.data.list_errors import ListErrors, coordinate_px
from fercli.data.reader import Published, Reader, class_counts
from fercli.results import Box
from fercli.system.inside import inside

_LIST = Path("label") / "label.lst"
_IMAGES = ("image/origin/origin", "image/origin", "origin")
_LAYOUT = "label/label.lst beside image/origin/*.jpg"
_TEST, _VAL = 0.2, 0.1  # shares of the photos
_FIELDS = 8  # image, face, top, left, right, bottom, confidence, expression


def read_expw(root: Path, labels: LabelSchema) -> Dataset:
    """Read every face of label.lst with its box; `split_of` assigns the photos to splits, as there are no official ones.

    Without label.lst the folder is read as train|val|test/CLASS/*.
    Raises: DataError names lines that cannot be parsed.
    """
    data = _folder_of_list(root)
    if data is None:
        return open_folder(root, labels=labels)
    images = next((data / folder for folder in _IMAGES if (data / folder).is_dir()), data / "image" / "origin")
    exists: dict[str, bool] = {}
    samples: dict[str, Sample] = {}
    errors = ListErrors(data / _LIST, fix=f"expected layout: {_LAYOUT}")
    with errors.reading():
        lines = (data / _LIST).read_text(encoding="utf-8").splitlines()
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            image, face, label, box = _parse(text, labels)
            name = f"{image}#{face}"
            inside(images, image)
            if name in samples:
                raise ValueError(f"face {face} of {image} is listed a second time")
        except ValueError as error:
            errors.add(f"line {line}: {error}")
            continue
        if image not in exists:
            exists[image] = inside(images, image).is_file()
        if exists[image]:
            samples[name] = Sample(images / image, split_of(image), label, box_xyxy=box, name=name)
        else:
            errors.add_missing(f"line {line}", (images / image).relative_to(data).as_posix())
    errors.raise_if_any()
    errors.raise_if_empty(samples)
    return Dataset(
        name=labels.name,
        schema=labels.name,
        labels=labels.names,
        samples=tuple(samples.values()),
        root=data,
        missing=tuple(errors.missing),
    )


def split_of(image: str) -> Split:
    """Return the split of a photo, by the sha256 of its file name: 20 % test, 10 % val, the rest train.

    All faces of one photo are in one split, and it does not depend on the other files in the folder.
    """
    share = int(hashlib.sha256(image.encode()).hexdigest()[:8], 16) / 2**32
    return "test" if share < _TEST else "val" if share < _TEST + _VAL else "train"


def _parse(text: str, labels: LabelSchema) -> tuple[str, str, int, Box]:
    """Image, number of the face, class index and box of one line. Raises: ValueError."""
    fields = text.split()
    if len(fields) != _FIELDS:
        raise ValueError(f"{len(fields)} fields, not {_FIELDS}")
    image, face, *numbers, _confidence, code = fields
    try:
        top, left, right, bottom = map(coordinate_px, numbers)  # in the official order
    except ValueError:
        raise ValueError(f"the box {' '.join(numbers)!r} is not four pixel coordinates") from None
    if code not in labels.codes:
        raise ValueError(f"expression {code!r} is none of {labels.codes[0]}..{labels.codes[-1]}")
    if right <= left or bottom <= top:
        raise ValueError(f"the box (top {top:g}, left {left:g}, right {right:g}, bottom {bottom:g}) is empty")
    return image, face, labels.codes.index(code), (left, top, right, bottom)


def _folder_of_list(root: Path) -> Path | None:
    return next((folder for folder in (root, root / "data") if (folder / _LIST).is_file()), None)


EXPW = Reader(
    labels=schema("expw"),
    read=read_expw,
    layout=_LAYOUT,
    matches=lambda root: _folder_of_list(root) is not None,
    published=Published(
        access="see https://mmlab.ie.cuhk.edu.hk/projects/socialrelation/",
        total=class_counts(schema("expw"), 3671, 3995, 1088, 30_537, 10_559, 7060, 34_883),
        certain=False,
        note=(
            "There are no official splits: 20 % of the photos are test and 10 % val, by the sha256 of their file names, all "
            "faces of a photo together. Numbers in papers come from other splits."
        ),
    ),
)
