"""RAF-DB in its official layout and as the numbered copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.data.crops import load_crop
from fercli.data.open import open_dataset
from fercli.data.readers import READERS
from fercli.errors import DataError


def official(tree, *lines: str, images: tuple[str, ...]) -> Path:
    root = tree(*(f"basic/Image/aligned/{name}" for name in images))
    (root / "basic" / "EmoLabel").mkdir()
    (root / "basic" / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines) + "\n")
    return root


def test_read_rafdb__reads_the_owners_list(tree):
    images = ("train_00001_aligned.jpg", "test_0001_aligned.jpg")
    root = official(tree, "train_00001.jpg 5", "test_0001.jpg 7", images=images)
    assert READERS["rafdb"].matches(root)
    dataset = open_dataset("rafdb", root)
    # 1 surprise 2 fear 3 disgust 4 happiness 5 sadness 6 anger 7 neutral
    assert [(s.split, dataset.labels[s.label]) for s in dataset.samples] == [("train", "sadness"), ("test", "neutral")]
    assert dataset.split("val") == ()
    assert open_dataset("rafdb", root / "basic").samples == dataset.samples


def test_read_rafdb__lists_errors_by_line(tree):
    root = official(
        tree,
        "train_00001.jpg 8",
        "valid_00002.jpg 1",
        "test_0003.jpg 1",
        images=("train_00001_aligned.jpg",),
    )
    with pytest.raises(DataError) as caught:
        open_dataset("rafdb", root)
    message = caught.value.message
    assert "line 1: label '8'" in message
    assert "line 2: 'valid_00002.jpg'" in message
    assert "line 3: Image/aligned/test_0003_aligned.jpg does not exist" in message


@pytest.mark.parametrize("top", ["", "DATASET/"])
def test_read_rafdb__reads_the_numbered_copy(tree, top):
    dataset = open_dataset("rafdb", tree(f"{top}train/1/train_00002_aligned.jpg", f"{top}test/7/test_0001_aligned.jpg"))
    assert [(s.split, dataset.labels[s.label]) for s in dataset.samples] == [("train", "surprise"), ("test", "neutral")]


def test_rafdb__photos_are_aligned_by_the_owners_points(official_tree):
    dataset = open_dataset("rafdb", official_tree("rafdb", images="original"))
    assert dataset.crop == "arcface"
    assert dataset.samples[0].landmarks == ((35, 40), (65, 40), (50, 58), (38, 75), (62, 75))
    assert load_crop(dataset.samples[0], 48).shape == (48, 48, 3)


def test_rafdb__a_folder_of_pictures_can_be_given(official_tree, tmp_path):
    root = official_tree("rafdb")
    images = root / "basic" / "Image"
    (images / "aligned").rename(images / "aligned_224")
    dataset = open_dataset("rafdb", images / "aligned_224")
    assert {sample.path.parent.name for sample in dataset.samples} == {"aligned_224"}
    assert dataset.crop is None


def test_rafdb__photos_without_their_points_are_refused(official_tree):
    root = official_tree("rafdb", images="original")
    (root / "basic" / "Annotation" / "manual" / "train_00002_manu_attri.txt").write_text("1 2\n3 4\n")
    with pytest.raises(DataError, match="line 2: no five landmarks in Annotation/manual for train_00002"):
        open_dataset("rafdb", root)
