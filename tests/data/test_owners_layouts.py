"""Every owner's layout, read in place: classes, splits, faces, and the traps that each is known for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.config.labels import SCHEMAS
from fercli.data.crops import load_crop, read_picture
from fercli.data.expw import split_of
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
def test_open_dataset__reads_every_owners_layout_in_place(owners_tree, layout):
    name, splits, train, test = LAYOUTS[layout]
    dataset = open_dataset(name, owners_tree(layout))
    assert (dataset.name, dataset.labels) == (name, SCHEMAS[name].names)
    assert {sample.split for sample in dataset.samples} == splits
    assert (len(dataset.split("train")), len(dataset.split("test"))) == (train, test)
    assert len({sample.called(dataset.root) for sample in dataset.samples}) == len(dataset.samples)
    # the trees draw class number k with grey values of 20 k to 20 k + 40, counted as the owner counts
    first = 1 if name == "rafdb" else 0
    for sample in dataset.split("test"):
        owners = _owners_code(name, dataset.labels[sample.label]) + first
        assert abs(load_crop(sample, 32).mean() - (20 * owners + 19.5)) < 4


def test_open_dataset__keeps_a_validation_split_that_somebody_made_beside_the_test_split(owners_tree):
    root = owners_tree("rafdb-valid")
    (root / "valid" / "7").rename(root / "test-of-7")
    (root / "test").mkdir()
    (root / "test-of-7").rename(root / "test" / "7")
    dataset = open_dataset("rafdb", root)
    assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [14, 12, 2]


def _owners_code(name: str, label: str) -> int:
    # FERPlus labels the images of FER2013, which were drawn by the codes of FER2013
    return SCHEMAS["fer2013" if name == "ferplus" else name].names.index(label)


def test_open_dataset__has_a_fingerprint_that_follows_the_lists(owners_tree):
    root = owners_tree("rafdb")
    before = open_dataset("rafdb", root).fingerprint
    assert before == open_dataset(str(root)).fingerprint
    table = root / "basic" / "EmoLabel" / "list_patition_label.txt"
    table.write_text(table.read_text().replace("train_00001.jpg 1", "train_00001.jpg 2"))
    assert open_dataset("rafdb", root).fingerprint != before


@pytest.mark.parametrize("layout", ["affectnet8-csv", "fer2013"])
def test_open_dataset__asks_for_the_name_where_a_layout_can_be_read_in_two_ways(owners_tree, layout):
    with pytest.raises(DataError, match="several data sets share") as caught:
        open_dataset(str(owners_tree(layout)))
    assert "give the name: " in caught.value.fix


# AffectNet


@pytest.mark.parametrize("header", [True, False])
def test_affectnet_csv__reads_lists_with_and_without_header(owners_tree, header):
    dataset = open_dataset("affectnet8", owners_tree("affectnet8-csv", header=header))
    assert dataset.counts("train") == dict.fromkeys(dataset.labels, 2)


def test_affectnet_csv__aligns_by_landmarks_and_else_cuts_the_box_out(owners_tree):
    dataset = open_dataset("affectnet8", owners_tree("affectnet8-csv"))
    boxed, whole, third, negative = dataset.split("test")[:4]
    assert boxed.landmarks is None
    assert boxed.box_xyxy == (20, 20, 80, 80)
    assert (whole.landmarks, whole.box_xyxy) == (None, None)  # NULL
    assert (negative.landmarks, negative.box_xyxy) == (None, None)  # a width of -1
    # the mean of each eye's six points, the nose's tip, the mouth's corners
    assert third.landmarks == ((35, 40), (65, 40), (50, 58), (38, 75), (62, 75))
    assert dataset.crop == "arcface"


def test_affectnet_csv__names_rows_at_fault(owners_tree):
    root = owners_tree("affectnet8-csv")
    lines = (root / "training.csv").read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0].replace(",1,-2", ",11,-2")
    (root / "Manually_Annotated_Images" / "1" / "training2.jpg").unlink()
    (root / "training.csv").write_text("\n".join(lines) + "\n1/x.jpg,0\n")
    with pytest.raises(DataError) as caught:
        open_dataset("affectnet8", root)
    assert "line 4: expression '11' is none of 0..10" in caught.value.message
    assert "1/training2.jpg does not exist" in caught.value.message
    assert "2 fields, not 9" in caught.value.message


def test_affectnet_npy__names_annotations_at_fault(owners_tree):
    root = owners_tree("affectnet8-npy")
    (root / "train_set" / "images" / "3.jpg").unlink()
    (root / "train_set" / "annotations" / "4_exp.npy").write_bytes(b"no array")
    with pytest.raises(DataError) as caught:
        open_dataset("affectnet8", root)
    assert "images/3.jpg does not exist" in caught.value.message
    assert "4_exp.npy" in caught.value.message


def test_affectnet_npy__runs_no_code_of_a_pickled_annotation(owners_tree):
    root = owners_tree("affectnet8-npy")
    np.save(root / "train_set" / "annotations" / "0_exp.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"0_exp\.npy"):
        open_dataset("affectnet8", root)


# RAF-DB


def test_rafdb__photos_are_aligned_by_the_owners_points(owners_tree):
    dataset = open_dataset("rafdb", owners_tree("rafdb", images="original"))
    assert dataset.crop == "arcface"
    assert dataset.samples[0].landmarks == ((35, 40), (65, 40), (50, 58), (38, 75), (62, 75))
    assert load_crop(dataset.samples[0], 48).shape == (48, 48, 3)


def test_rafdb__the_folder_of_pictures_chooses_them(owners_tree, tmp_path):
    root = owners_tree("rafdb")
    images = root / "basic" / "Image"
    (images / "aligned").rename(images / "aligned_224")
    dataset = open_dataset("rafdb", images / "aligned_224")
    assert {sample.path.parent.name for sample in dataset.samples} == {"aligned_224"}
    assert dataset.crop is None


def test_rafdb__photos_without_their_points_are_refused(owners_tree):
    root = owners_tree("rafdb", images="original")
    (root / "basic" / "Annotation" / "manual" / "train_00002_manu_attri.txt").write_text("1 2\n3 4\n")
    with pytest.raises(DataError, match="line 2: no five landmarks in Annotation/manual for train_00002"):
        open_dataset("rafdb", root)


# FER2013


def test_fer2013__is_read_by_byte_from_the_csv_itself(owners_tree):
    path = owners_tree("fer2013") / "fer2013.csv"
    dataset = open_dataset("fer2013", path)
    sample = dataset.split("val")[3]
    row = path.read_text().splitlines()[1 + 14 + 3].split(",")
    grey = read_picture(sample)
    assert grey.shape == (48, 48, 3)
    assert grey[..., 1].ravel().tolist() == [int(value) for value in row[1].split()]


def test_fer2013__tells_that_the_csv_has_changed(owners_tree):
    root = owners_tree("fer2013")
    dataset = open_dataset("fer2013", root)
    (root / "fer2013.csv").write_text("emotion,pixels,Usage\n0,1 2 3,Training\n")
    with pytest.raises(DataError, match="has changed"):
        load_crop(dataset.samples[-1], 48)


def test_fer2013__reads_kaggles_second_header(owners_tree):
    root = owners_tree("fer2013")
    lines = [line.split(",") for line in (root / "fer2013.csv").read_text().splitlines()[1:]]
    text = "\n".join(["emotion, Usage, pixels", *(f"{code},{usage},{pixels}" for code, pixels, usage in lines)])
    (root / "icml_face_data.csv").write_text(text + "\n")
    official = open_dataset("fer2013", root)
    expected = read_picture(official.samples[5])
    (root / "fer2013.csv").unlink()
    second = open_dataset("fer2013", root)
    assert [(s.split, s.label) for s in second.samples] == [(s.split, s.label) for s in official.samples]
    assert (read_picture(second.samples[5]) == expected).all()


def test_fer2013__marks_copies(owners_tree):
    dataset = open_dataset("fer2013", owners_tree("fer2013"))
    copied = [(sample.name, sample.split) for sample in dataset.samples if sample.group]
    assert copied == [("row0000000.png", "train"), ("row0000028.png", "test")]


@pytest.mark.parametrize("layout", ["ferplus", "ferplus-folders"])
def test_ferplus__keeps_votes_without_a_winner_and_leaves_out_what_is_no_face(owners_tree, layout):
    dataset = open_dataset("ferplus", owners_tree(layout))
    train = dataset.split("train", with_unlabelled=True)
    assert len(train) == 13
    assert (train[-1].label, train[-1].votes) == (None, (5, 5, 0, 0, 0, 0, 0, 0))
    assert (train[0].name, dataset.labels[train[0].label]) == ("fer0000000.png", "anger")


def test_ferplus__without_votes_says_where_they_are(owners_tree):
    with pytest.raises(DataError, match=r"no fer2013new\.csv") as caught:
        open_dataset("ferplus", owners_tree("fer2013"))
    assert "github.com/microsoft/FERPlus" in caught.value.fix


def test_ferplus_folders__need_no_name_and_cut_out_a_smaller_box(owners_tree):
    root = owners_tree("ferplus-folders")
    lines = root / "data" / "FER2013Test" / "label.csv"
    lines.write_text(lines.read_text().replace("(0, 0, 48, 48)", "(4, 8, 40, 44)", 1))
    dataset = open_dataset(str(root))
    assert (dataset.name, dataset.schema) == ("ferplus", "ferplus")
    assert [sample.box_xyxy for sample in dataset.split("test")][:2] == [(4, 8, 40, 44), None]


def test_ferplus_folders__names_lines_at_fault_and_who_makes_the_pictures(owners_tree):
    folder = owners_tree("ferplus-folders") / "data" / "FER2013Valid"
    lines = (folder / "label.csv").read_text().splitlines()
    (folder / lines[0].split(",")[0]).unlink()
    lines[1] = lines[1].replace("48)", "48")
    lines[2] += ",1"
    lines[3] = lines[3].replace("fer", "../fer")
    (folder / "label.csv").write_text("\n".join(lines))
    with pytest.raises(
        DataError, match=r"line 1: fer\d+\.png does not exist; line 2: the box .*; line 3: 13 fields"
    ) as caught:
        open_dataset("ferplus", folder.parent)
    assert "line 4: '../fer" in caught.value.message
    assert "generate_training_data.py" in caught.value.fix


def test_ferplus_folders__leave_out_a_name_that_is_listed_twice(owners_tree):
    folder = owners_tree("ferplus-folders") / "data" / "FER2013Train"
    lines = (folder / "label.csv").read_text().splitlines()
    (folder / "label.csv").write_text("\n".join([*lines, lines[0]]))
    names = [sample.name for sample in open_dataset("ferplus", folder.parents[1]).split("train")]
    assert len(names) == 11
    assert "fer0000000.png" not in names


# ExpW


def test_expw__reads_boxes_in_the_owners_order(owners_tree):
    dataset = open_dataset("expw", owners_tree("expw"))
    first, second = dataset.samples[:2]
    # "photo 0 10 5 35 40": top 10, left 5, right 35, bottom 40
    assert (first.box_xyxy, first.name) == ((5, 10, 35, 40), "photo_0_0.jpg#0")
    assert second.box_xyxy == (40, 30, 75, 70)
    assert Counter(dataset.labels[sample.label] for sample in dataset.samples)["fear"] == 24


def test_expw__all_faces_of_a_photo_are_in_one_split(owners_tree):
    root = owners_tree("expw")
    dataset = open_dataset("expw", root)
    splits = {}
    for sample in dataset.samples:
        assert splits.setdefault(sample.path, sample.split) == sample.split
    assert set(splits.values()) == {"train", "val", "test"}
    assert open_dataset(str(root)).samples == dataset.samples


def test_split_of__is_a_stated_rule():
    # by sha256sum: a.jpg begins with 509b0d46 (0.31 of 2 ** 32), e.jpg with 1afd8ad5 (0.11)
    assert (split_of("a.jpg"), split_of("e.jpg")) == ("train", "test")
    shares = Counter(split_of(f"image_{number}.jpg") for number in range(20_000))
    assert abs(shares["test"] / 20_000 - 0.2) < 0.01
    assert abs(shares["val"] / 20_000 - 0.1) < 0.01


def test_expw__names_lines_at_fault(owners_tree):
    root = owners_tree("expw")
    table = root / "label" / "label.lst"
    bad = "photo_0_0.jpg 2 10 5 35 40 80.5 7", "photo_0_0.jpg 3 10 35 5 40 80 1", "gone.jpg 0 1 1 9 9 80 1", "x y"
    table.write_text(table.read_text() + "\n".join([*bad, "photo_0_0.jpg 0 10 5 35 40 80.5 0"]) + "\n")
    with pytest.raises(DataError) as caught:
        open_dataset("expw", root)
    for part in ("expression '7'", "is empty", "gone.jpg does not exist", "2 fields, not 8", "a second time"):
        assert part in caught.value.message


def test_load_crop__cuts_a_box_out_as_a_square(tmp_path: Path, owners_tree):
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[10:30, 20:40] = 255  # the square around the box of 10 x 20 at (25, 10)
    root = owners_tree("expw")
    Image.fromarray(pixels).save(root / "image" / "origin" / "white.png")
    (root / "label" / "label.lst").write_text("white.png 0 10 25 35 30 99 0\n")
    crop = load_crop(open_dataset("expw", root).samples[0], 20)
    assert crop.shape == (20, 20, 3)
    assert (crop == 255).all()
