"""RAF-DB in its owner's layout and as the numbered copy."""

from __future__ import annotations

from pathlib import Path

import pytest

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
