"""AffectNet: csv lists with landmarks and boxes, and npy annotations."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.data.open import open_dataset
from fercli.errors import DataError


@pytest.mark.parametrize("header", [True, False])
def test_affectnet_csv__reads_lists_with_and_without_header(official_tree, header):
    dataset = open_dataset("affectnet8", official_tree("affectnet8-csv", header=header))
    assert dataset.counts("train") == dict.fromkeys(dataset.labels, 2)


def test_affectnet_csv__has_landmarks_else_a_box(official_tree):
    dataset = open_dataset("affectnet8", official_tree("affectnet8-csv"))
    boxed, whole, third, negative = dataset.split("test")[:4]
    assert boxed.landmarks is None
    assert boxed.box_xyxy == (20, 20, 80, 80)
    assert (whole.landmarks, whole.box_xyxy) == (None, None)  # NULL
    assert (negative.landmarks, negative.box_xyxy) == (None, None)  # a width of -1
    # the mean of each eye's six points, the nose's tip, the mouth's corners
    assert third.landmarks == ((35, 40), (65, 40), (50, 58), (38, 75), (62, 75))
    assert dataset.crop == "arcface"


def test_affectnet_csv__names_invalid_rows(official_tree):
    root = official_tree("affectnet8-csv")
    lines = (root / "training.csv").read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0].replace(",1,-2", ",11,-2")
    (root / "Manually_Annotated_Images" / "1" / "training2.jpg").unlink()
    (root / "training.csv").write_text("\n".join(lines) + "\n1/x.jpg,0\n")
    with pytest.raises(DataError) as caught:
        open_dataset("affectnet8", root)
    assert "line 4: expression '11' is none of 0..10" in caught.value.message
    assert "1/training2.jpg does not exist" in caught.value.message
    assert "2 fields, not 9" in caught.value.message


def test_affectnet_npy__names_invalid_annotations(official_tree):
    root = official_tree("affectnet8-npy")
    (root / "train_set" / "images" / "3.jpg").unlink()
    (root / "train_set" / "annotations" / "4_exp.npy").write_bytes(b"no array")
    with pytest.raises(DataError) as caught:
        open_dataset("affectnet8", root)
    assert "images/3.jpg does not exist" in caught.value.message
    assert "4_exp.npy" in caught.value.message


def test_affectnet_npy__runs_no_code_of_a_pickled_annotation(official_tree):
    root = official_tree("affectnet8-npy")
    np.save(root / "train_set" / "annotations" / "0_exp.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"0_exp\.npy"):
        open_dataset("affectnet8", root)
