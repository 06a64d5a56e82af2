"""FER2013 and FERPlus, read from the csv files."""

from __future__ import annotations

import pytest

from fercli.data.crops import load_crop, read_picture
from fercli.data.open import open_dataset
from fercli.errors import DataError


def test_fer2013__is_read_by_byte_from_the_csv_itself(official_tree):
    path = official_tree("fer2013") / "fer2013.csv"
    dataset = open_dataset("fer2013", path)
    sample = dataset.split("val")[3]
    row = path.read_text().splitlines()[1 + 14 + 3].split(",")
    grey = read_picture(sample)
    assert grey.shape == (48, 48, 3)
    assert grey[..., 1].ravel().tolist() == [int(value) for value in row[1].split()]


def test_fer2013__notices_that_the_csv_has_changed(official_tree):
    root = official_tree("fer2013")
    dataset = open_dataset("fer2013", root)
    (root / "fer2013.csv").write_text("emotion,pixels,Usage\n0,1 2 3,Training\n")
    with pytest.raises(DataError, match="has changed"):
        load_crop(dataset.samples[-1], 48)


def test_fer2013__reads_kaggles_second_header(official_tree):
    root = official_tree("fer2013")
    lines = [line.split(",") for line in (root / "fer2013.csv").read_text().splitlines()[1:]]
    text = "\n".join(["emotion, Usage, pixels", *(f"{code},{usage},{pixels}" for code, pixels, usage in lines)])
    (root / "icml_face_data.csv").write_text(text + "\n")
    official = open_dataset("fer2013", root)
    expected = read_picture(official.samples[5])
    (root / "fer2013.csv").unlink()
    second = open_dataset("fer2013", root)
    assert [(s.split, s.label) for s in second.samples] == [(s.split, s.label) for s in official.samples]
    assert (read_picture(second.samples[5]) == expected).all()


def test_fer2013__marks_copies(official_tree):
    dataset = open_dataset("fer2013", official_tree("fer2013"))
    copied = [(sample.name, sample.split) for sample in dataset.samples if sample.group]
    assert copied == [("row0000000.png", "train"), ("row0000028.png", "test")]


@pytest.mark.parametrize("layout", ["ferplus", "ferplus-folders"])
def test_ferplus__keeps_votes_without_a_winner_and_omits_images_of_no_face(official_tree, layout):
    dataset = open_dataset("ferplus", official_tree(layout))
    train = dataset.split("train", with_unlabelled=True)
    assert len(train) == 13
    assert (train[-1].label, train[-1].votes) == (None, (5, 5, 0, 0, 0, 0, 0, 0))
    assert (train[0].name, dataset.labels[train[0].label]) == ("fer0000000.png", "anger")


def test_ferplus__without_votes_reports_where_to_get_them(official_tree):
    with pytest.raises(DataError, match=r"no fer2013new\.csv") as caught:
        open_dataset("ferplus", official_tree("fer2013"))
    assert "github.com/microsoft/FERPlus" in caught.value.fix
