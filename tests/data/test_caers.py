"""CAER-S in its official layout."""

from __future__ import annotations

import pytest

from fercli.config.labels import schema
from fercli.data.caers import read_caers


@pytest.mark.parametrize("parent", ["", "CAER-S/"])
@pytest.mark.parametrize("last", ["test", "val"])
def test_read_caers__has_train_and_test(tree, parent: str, last: str):
    dataset = read_caers(tree(f"{parent}train/Anger/a.png", f"{parent}{last}/Happy/b.png"), schema("caer-s"))
    assert [(sample.split, dataset.labels[sample.label]) for sample in dataset.samples] == [
        ("train", "anger"),
        ("test", "happiness"),
    ]
