"""Images of a split that also occur in train: the same pixels, and in them the same face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.data.dataset import Dataset, Sample
from fercli.data.train_copies import find_train_copies


@pytest.fixture
def file(tmp_path: Path):
    """Write a picture of one grey, lossless in any format."""

    def write(name: str, grey: int, side: int = 4) -> Path:
        Image.fromarray(np.full((side, side), grey, np.uint8)).save(tmp_path / name)
        return tmp_path / name

    return write


def dataset(*samples: Sample) -> Dataset:
    return Dataset("toy", "folder", ("fear", "anger"), samples, Path())


def test_find_train_copies__compares_pixels_not_files(file):
    test = (
        Sample(file("a.png", 1), "test", 0),
        Sample(file("b.png", 2), "test", 0),
        Sample(file("c.png", 3), "test", 1),
        Sample(file("d.png", 4), "test", 1),
    )
    others = (
        Sample(file("a.bmp", 1), "train", None),  # without a label, which a recipe may train on by its votes
        Sample(file("b.bmp", 2), "val", 0),  # held out, not trained on
        Sample(file("c.bmp", 3, side=5), "train", 0),  # the same grey, another picture
    )
    copies = find_train_copies(dataset(*test, *others), test)
    assert copies is not None
    assert copies.is_copy.tolist() == [True, False, False, False]
    assert (copies.compared, copies.unreadable, copies.marked) == (2, 0, False)


def test_find_train_copies__compares_faces_where_a_picture_has_several(file):
    photo, again = file("photo.png", 1, side=20), file("again.png", 1, side=20)
    left, right = (0.0, 0.0, 9.0, 9.0), (10.0, 0.0, 19.0, 9.0)
    test = (Sample(photo, "test", 0, box_xyxy=left), Sample(photo, "test", 0, box_xyxy=right))
    read: list[tuple[int, int | None]] = []
    copies = find_train_copies(
        dataset(*test, Sample(again, "train", 0, box_xyxy=right)),
        test,
        progress=lambda done, total, note: read.append((done, total)),
    )
    assert copies is not None
    assert copies.is_copy.tolist() == [False, True]
    assert read == [(1, 2), (2, 2)]  # two pictures, three faces


def test_find_train_copies__uses_the_marks_of_a_data_set_and_reads_nothing():
    test = (Sample(Path("nowhere/a"), "test", 0, group="g"), Sample(Path("nowhere/b"), "test", 0, group="only in test"))
    copies = find_train_copies(dataset(*test, Sample(Path("nowhere/c"), "train", 0, group="g")), test)
    assert copies is not None
    assert copies.is_copy.tolist() == [True, False]
    assert copies.marked


def test_find_train_copies__without_a_train_split_is_none(file):
    test = (Sample(file("a.png", 1), "test", 0),)
    assert find_train_copies(dataset(*test), test) is None


def test_find_train_copies__counts_unreadable_images(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("no picture")
    test = (Sample(tmp_path / "a.png", "test", 0),)
    copies = find_train_copies(dataset(*test, Sample(tmp_path / "b.png", "train", 0)), test)
    assert copies is not None
    assert (copies.is_copy.tolist(), copies.compared, copies.unreadable) == ([False], 0, 1)
