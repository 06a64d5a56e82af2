"""Every owner's layout, read in place: classes, splits, faces, and the traps that each is known for."""

from __future__ import annotations

import pytest

from fercli.config.labels import SCHEMAS
from fercli.data.crops import load_crop
from fercli.data.open import open_dataset
from fercli.errors import DataError

LAYOUTS = {
    # layout: (name, splits with images, labelled images of train and test)
    "rafdb": ("rafdb", {"train", "test"}, 14, 14),
    "rafdb-kaggle": ("rafdb", {"train", "test"}, 14, 14),
    "rafdb-valid": ("rafdb", {"train", "test"}, 14, 14),
    "affectnet7-csv": ("affectnet7", {"train", "test"}, 14, 14),
    "affectnet8-csv": ("affectnet8", {"train", "test"}, 16, 16),
    "affectnet7-npy": ("affectnet7", {"train", "test"}, 14, 14),
    "affectnet8-npy": ("affectnet8", {"train", "test"}, 16, 16),
    "affectnet8-folders": ("affectnet8", {"train", "test"}, 16, 16),
    "fer2013": ("fer2013", {"train", "val", "test"}, 14, 14),
    "ferplus": ("ferplus", {"train", "val", "test"}, 12, 12),
    "ferplus-folders": ("ferplus", {"train", "val", "test"}, 12, 12),
    "caer-s": ("caer-s", {"train", "test"}, 14, 14),
    "caer-s-valid": ("caer-s", {"train", "test"}, 14, 14),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_open_dataset__reads_every_owners_layout_in_place(official_tree, layout):
    name, splits, train, test = LAYOUTS[layout]
    dataset = open_dataset(name, official_tree(layout))
    assert (dataset.name, dataset.labels) == (name, SCHEMAS[name].names)
    assert {sample.split for sample in dataset.samples} == splits
    assert (len(dataset.split("train")), len(dataset.split("test"))) == (train, test)
    assert len({sample.called(dataset.root) for sample in dataset.samples}) == len(dataset.samples)
    # the trees draw class number k with grey values of 20 k to 20 k + 40, counted as the owner counts
    first = 1 if name == "rafdb" else 0
    for sample in dataset.split("test"):
        owners = _owners_code(name, dataset.labels[sample.label]) + first
        assert abs(load_crop(sample, 32).mean() - (20 * owners + 19.5)) < 4


def test_open_dataset__keeps_a_validation_split_beside_the_test_split(official_tree):
    root = official_tree("rafdb-valid")
    (root / "valid" / "7").rename(root / "test-of-7")
    (root / "test").mkdir()
    (root / "test-of-7").rename(root / "test" / "7")
    dataset = open_dataset("rafdb", root)
    assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [14, 12, 2]


def _owners_code(name: str, label: str) -> int:
    # FERPlus labels the images of FER2013, which were drawn by the codes of FER2013
    return SCHEMAS["fer2013" if name == "ferplus" else name].names.index(label)


def test_open_dataset__has_a_fingerprint_that_changes_with_the_lists(official_tree):
    root = official_tree("rafdb")
    before = open_dataset("rafdb", root).fingerprint
    assert before == open_dataset(str(root)).fingerprint
    table = root / "basic" / "EmoLabel" / "list_patition_label.txt"
    table.write_text(table.read_text().replace("train_00001.jpg 1", "train_00001.jpg 2"))
    assert open_dataset("rafdb", root).fingerprint != before


@pytest.mark.parametrize("layout", ["affectnet8-csv", "fer2013"])
def test_open_dataset__needs_the_name_where_data_sets_share_a_layout(official_tree, layout):
    with pytest.raises(DataError, match="several data sets share") as caught:
        open_dataset(str(official_tree(layout)))
    assert "give the name: " in caught.value.fix
