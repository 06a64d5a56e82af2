"""dataset.csv and dataset.json: what is written is read back, and what was changed by hand is named by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.data.open import open_dataset
from fercli.data.prepared import Record, fingerprint, is_prepared, open_prepared, write_prepared
from fercli.errors import DataError

RECORDS = (
    Record("train/fear/a.png", "train", "fear", "anger", 0, duplicate_group="g", votes=(1, 8, 1)),
    Record("unlabelled/train/b.png", "train", None, "fear", 1, excluded="no_majority", votes=(5, 5, 0)),
    Record(None, "test", None, "fear", 2, excluded="not_a_face", votes=(0, 0, 10)),
    Record("test/anger/d.png", "test", "anger", "fear", 3, duplicate_group="g", votes=(9, 0, 1)),
)
FACTS = {"name": "toy", "schema": "fer2013", "labels": ["anger", "fear"], "crop": "arcface", "fingerprint": "f"}


@pytest.fixture
def root(tree) -> Path:
    folder = tree(*(record.path for record in RECORDS if record.path))
    write_prepared(folder, RECORDS, facts=FACTS, vote_classes=("anger", "fear", "unknown"))
    return folder


def test_open_prepared__reads_what_was_written(root):
    assert is_prepared(root)
    dataset = open_prepared(root)
    assert (dataset.name, dataset.schema, dataset.labels) == ("toy", "fer2013", ("anger", "fear"))
    assert (dataset.crop, dataset.fingerprint) == ("arcface", "f")
    found = [(s.path.name, s.split, s.label, s.votes, s.group) for s in dataset.samples]
    assert found == [
        ("a.png", "train", 1, (1.0, 8.0), "g"),  # votes for unknown are left out
        ("b.png", "train", None, (5.0, 5.0), None),
        ("d.png", "test", 0, (9.0, 0.0), "g"),
    ]


def test_write_prepared__writes_the_stated_columns(root):
    lines = (root / "dataset.csv").read_text().splitlines()
    assert lines[0] == (
        "path,split,label,original_label,row,excluded,duplicate_group,duplicate_across_splits,"
        "votes_anger,votes_fear,votes_unknown"
    )
    assert lines[3] == ",test,,fear,2,not_a_face,,0,0,0,10"


def test_open_prepared__without_votes_has_none(root):
    record = Record("train/fear/a.png", "train", "fear", "fear", 0)
    write_prepared(root, [record], facts=FACTS, vote_classes=())
    assert open_prepared(root).samples[0].votes is None


def test_open_prepared__counts_labelled_images_without_a_file(root):
    table = root / "dataset.csv"
    table.write_text(table.read_text().replace("test/anger/d.png,test", ",test"))  # as where no face was found
    dataset = open_prepared(root)
    assert dataset.split("test") == ()
    assert dataset.without_file == {"test": 1}  # the image that is no face has no label and is none of them


def test_open_prepared__names_missing_images_and_bad_cells_by_line(root):
    (root / "train/fear/a.png").unlink()
    table = root / "dataset.csv"
    table.write_text(table.read_text().replace("test,anger", "exam,anger"))
    with pytest.raises(DataError, match=r"line 2: train/fear/a.png does not exist; line 5: split 'exam'"):
        open_prepared(root)


def test_open_prepared__refuses_unknown_labels(root):
    table = root / "dataset.csv"
    table.write_text(table.read_text().replace("test,anger", "test,joyful"))
    with pytest.raises(DataError, match="line 5: label 'joyful' is none of anger, fear"):
        open_prepared(root)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}', '{"format": 1, "name": "x"}'])
def test_open_prepared__refuses_other_json(root, text):
    (root / "dataset.json").write_text(text)
    with pytest.raises(DataError, match=r"dataset\.json"):
        open_prepared(root)


def test_open_prepared__refuses_a_table_without_its_columns(root):
    (root / "dataset.csv").write_text("file,class\n")
    with pytest.raises(DataError, match="no column label, path, split"):
        open_prepared(root)


def test_open_dataset__refuses_a_set_with_other_labels(root):
    assert open_dataset("fer2013", root).name == "toy"
    with pytest.raises(DataError, match="has the labels of fer2013, not ferplus"):
        open_dataset("ferplus", root)


def test_fingerprint__changes_with_labels_and_pictures():
    hashes = [["1", "2"], ["1", "3"]]
    prints = {fingerprint(RECORDS[:2], pair) for pair in hashes} | {fingerprint(RECORDS[1:3], hashes[0])}
    assert len(prints) == 3
    assert fingerprint(RECORDS[:2], hashes[0]) == fingerprint(RECORDS[:2], hashes[0])
