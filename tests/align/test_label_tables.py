"""The labels of a prepared data set beside its aligned pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fercli.align.label_tables import copy_prepared_tables
from fercli.data.align_record import Alignment, AlignRow, AlignSettings
from fercli.errors import DataError

SETTINGS = AlignSettings("mtcnn 1", size=96)
ROWS = (
    AlignRow("a/x.jpg", "ok", "a/x.jpg", face=0, faces=1),
    AlignRow("b, c.png", "unreadable", reason="the file is empty"),
    AlignRow("d.png", "no_face", "d.png", "no face detected", faces=0),
)


def test_copy_prepared_tables__adds_the_crop_and_leaves_out_unwritten_pictures(tmp_path: Path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    (source / "dataset.csv").write_text('path,split,label\na/x.jpg,train,fear\n"b, c.png",test,fear\nd.png,test,\n')
    values = {"format": 1, "name": "n", "schema": "folder", "labels": ["fear", "anger"], "fingerprint": "f"}
    (source / "dataset.json").write_text(json.dumps(values))
    assert copy_prepared_tables(source, target, Alignment(SETTINGS, ROWS))
    lines = (target / "dataset.csv").read_text().splitlines()
    assert lines == ["path,split,label", "a/x.jpg,train,fear", ",test,fear", "d.png,test,"]
    carried = json.loads((target / "dataset.json").read_text())
    assert carried["crop"] == "arcface"
    assert carried["fingerprint"] != "f"
    assert carried["alignment"]["fingerprint"] == SETTINGS.fingerprint
    assert carried["alignment"]["size"] == 96


def test_copy_prepared_tables__does_nothing_without_one(tmp_path: Path):
    assert not copy_prepared_tables(tmp_path, tmp_path, Alignment(SETTINGS))


@pytest.mark.parametrize("text", ["[" * 200_000, "{", "[]"], ids=["deep", "cut", "list"])
def test_copy_prepared_tables__refuses_a_damaged_record(text: str, tmp_path: Path):
    (tmp_path / "dataset.csv").write_text("path,split,label\n")
    (tmp_path / "dataset.json").write_text(text)
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match=r"dataset\.json"):
        copy_prepared_tables(tmp_path, tmp_path / "out", Alignment(SETTINGS, ROWS))
