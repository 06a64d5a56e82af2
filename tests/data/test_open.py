"""Which reader is used for a name or a folder, and the message without the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.config.labels import SCHEMAS
from fercli.data.open import open_dataset
from fercli.errors import DataError, UsageError


@pytest.mark.parametrize("name", SCHEMAS)
def test_open_dataset__reports_where_to_get_missing_data(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        open_dataset(name)
    assert str(Path("data") / name) in caught.value.message
    assert "http" in caught.value.message or "csv" in caught.value.message
    assert "--data DIR" in (caught.value.fix or "")


def test_open_dataset__reads_from_data_by_default(tree, tmp_path, monkeypatch):
    tree("train/1/a.png", root="data/rafdb")
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset("rafdb")
    assert (dataset.name, dataset.schema, dataset.labels[0]) == ("rafdb", "rafdb", "surprise")


def test_open_dataset__reads_a_named_set_from_a_given_folder(tree):
    dataset = open_dataset("caer-s", tree("train/Anger/a.png", "test/Happy/b.png"))
    assert dataset.labels == SCHEMAS["caer-s"].names
    assert [s.label for s in dataset.samples] == [0, 3]


def test_open_dataset__reads_a_folder(tree):
    assert open_dataset(str(tree("test/fear/a.png"))).labels == ("fear",)


def test_open_dataset__recognises_rafdb_by_its_list(tree):
    root = tree("Image/aligned/test_0001_aligned.jpg")
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_text("test_0001.jpg 4\n")
    assert open_dataset(str(root)).schema == "rafdb"


def test_open_dataset__refuses_data_beside_a_path(tree):
    root = tree("test/fear/a.png")
    with pytest.raises(UsageError, match="--data needs the name"):
        open_dataset(str(root), root)


def test_open_dataset__of_neither_name_nor_folder_lists_the_names():
    with pytest.raises(DataError, match="neither a folder") as caught:
        open_dataset("rafdbb")
    assert "affectnet7" in (caught.value.fix or "")
