"""ExpW: boxes, splits and errors of its list."""

from __future__ import annotations

from collections import Counter

import pytest

from fercli.data.expw import split_of
from fercli.data.open import open_dataset
from fercli.errors import DataError


def test_expw__reads_boxes_in_the_owners_order(official_tree):
    dataset = open_dataset("expw", official_tree("expw"))
    first, second = dataset.samples[:2]
    # "photo 0 10 5 35 40": top 10, left 5, right 35, bottom 40
    assert (first.box_xyxy, first.name) == ((5, 10, 35, 40), "photo_0_0.jpg#0")
    assert second.box_xyxy == (40, 30, 75, 70)
    assert Counter(dataset.labels[sample.label] for sample in dataset.samples)["fear"] == 24


def test_expw__all_faces_of_a_photo_are_in_one_split(official_tree):
    root = official_tree("expw")
    dataset = open_dataset("expw", root)
    splits = {}
    for sample in dataset.samples:
        assert splits.setdefault(sample.path, sample.split) == sample.split
    assert set(splits.values()) == {"train", "val", "test"}
    assert open_dataset(str(root)).samples == dataset.samples


def test_split_of__follows_the_sha256_of_the_name():
    # by sha256sum: a.jpg begins with 509b0d46 (0.31 of 2 ** 32), e.jpg with 1afd8ad5 (0.11)
    assert (split_of("a.jpg"), split_of("e.jpg")) == ("train", "test")
    shares = Counter(split_of(f"image_{number}.jpg") for number in range(20_000))
    assert abs(shares["test"] / 20_000 - 0.2) < 0.01
    assert abs(shares["val"] / 20_000 - 0.1) < 0.01


def test_expw__names_invalid_lines(official_tree):
    root = official_tree("expw")
    table = root / "label" / "label.lst"
    bad = "photo_0_0.jpg 2 10 5 35 40 80.5 7", "photo_0_0.jpg 3 10 35 5 40 80 1", "gone.jpg 0 1 1 9 9 80 1", "x y"
    table.write_text(table.read_text() + "\n".join([*bad, "photo_0_0.jpg 0 10 5 35 40 80.5 0"]) + "\n")
    with pytest.raises(DataError) as caught:
        open_dataset("expw", root)
    for part in ("expression '7'", "is empty", "gone.jpg does not exist", "2 fields, not 8", "a second time"):
        assert part in caught.value.message


@pytest.mark.parametrize("box", ["nan nan nan nan", "-inf -inf inf inf", "1e300 1e300 1e301 1e301"])
def test_expw__refuses_boxes_that_are_in_no_picture(box: str, official_tree):
    root = official_tree("expw")
    with (root / "label" / "label.lst").open("a") as file:
        file.write(f"\nphoto_0_0.jpg 7 {box} 80.5 0\n")
    with pytest.raises(DataError, match="is not four pixel coordinates"):
        open_dataset("expw", root)


@pytest.mark.parametrize(
    ("name", "table"),
    [("expw", "label/label.lst"), ("rafdb", "EmoLabel/list_patition_label.txt")],
)
def test_list__that_is_not_utf8__is_an_error_of_the_file(name: str, table: str, official_tree):
    root = official_tree(name)
    [path] = [path for path in root.rglob("*") if path.as_posix().endswith(table)]
    path.write_bytes(path.read_bytes() + b"\xff\n")
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset(name, root)
