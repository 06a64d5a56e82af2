"""Counting identical pictures within and across splits."""

from __future__ import annotations

from fercli.data.duplicates import Duplicates, count_duplicates


def test_count_duplicates__counts_labelled_images_of_other_splits_that_are_in_train():
    groups = [
        [("train", "fear"), ("test", "fear"), ("test", None)],  # one labelled test image is in train
        [("train", "fear"), ("val", "anger")],  # one of val, with another label
        [("val", "anger"), ("test", "anger")],  # none of them in train
    ]
    assert count_duplicates(groups) == Duplicates(groups=3, in_train={"val": 1, "test": 1}, conflicting=1)


def test_count_duplicates__of_nothing_is_zero():
    assert count_duplicates([]) == Duplicates(groups=0, in_train={"val": 0, "test": 0}, conflicting=0)
