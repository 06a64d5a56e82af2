"""Which images train and which validate."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.holdout import train_and_validation
from fercli.errors import DataError


def dataset(*splits: tuple[Split, int | None]) -> Dataset:
    samples = [Sample(Path(f"{index}.png"), split, label) for index, (split, label) in enumerate(splits)]
    return Dataset("toy", "folder", ("fear", "anger"), tuple(samples), Path())


def test_train_and_validation__are_the_data_sets_own_splits():
    data = dataset(("train", 0), ("val", 1), ("test", 1))
    train, validation = train_and_validation(data, share=0.5, seed=0, with_unlabelled=False)
    assert (train, validation) == (list(data.samples[:1]), list(data.samples[1:2]))


def test_train_and_validation__hold_out_a_share_of_every_class_by_seed():
    data = dataset(*[("train", 0)] * 20, *[("train", 1)] * 10, ("test", 0))
    train, validation = train_and_validation(data, share=0.2, seed=1, with_unlabelled=False)
    assert sorted(sample.label for sample in validation) == [0, 0, 0, 0, 1, 1]
    assert sorted([*train, *validation], key=lambda sample: int(sample.path.stem)) == list(data.samples[:30])
    assert train_and_validation(data, share=0.2, seed=1, with_unlabelled=False)[1] == validation
    assert train_and_validation(data, share=0.2, seed=2, with_unlabelled=False)[1] != validation
    assert train_and_validation(data, share=0, seed=1, with_unlabelled=False) == (list(data.samples[:30]), [])


def test_train_and_validation__refuse_a_data_set_without_training_images():
    with pytest.raises(DataError, match="no training images"):
        train_and_validation(dataset(("test", 0)), share=0.2, seed=0, with_unlabelled=False)
    with pytest.raises(DataError, match="too few"):
        train_and_validation(dataset(("train", 0)), share=0.2, seed=0, with_unlabelled=False)


def test_train_and_validation__leave_an_image_of_every_class_to_train_on():
    data = dataset(*[("train", 0)] * 9, ("train", 1))
    train, validation = train_and_validation(data, share=0.3, seed=0, with_unlabelled=False)
    assert {sample.label for sample in train} == {0, 1}
    assert {sample.label for sample in validation} == {0}
