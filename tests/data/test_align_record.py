"""align.csv, align.json and the journal between them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fercli.data.align_record import (
    Alignment,
    AlignRow,
    AlignSettings,
    Journal,
    alignment_differences,
    carry_dataset,
    finished_alignment,
    read_alignment,
    write_rows,
    write_settings,
)
from fercli.errors import DataError, UsageError
from fercli.results import Face

SETTINGS = AlignSettings("mtcnn 1", size=96)
FACE = Face((1.0, 2.0, 30.25, 40.5), 0.9876, ((5.0, 6.0), (7.0, 8.0), (9.0, 10.0), (11.0, 12.0), (13.0, 14.5)))
ROWS = (
    AlignRow(
        "a/x.jpg", "ok", "a/x.jpg", None, 0, FACE, (0.5, -0.25, 3.0, 0.25, 0.5, -4.0), 2, (9, 1_700_000_000_123_456_789)
    ),
    AlignRow("b, c.png", "unreadable", reason="the file is empty"),
    AlignRow("d.png", "no_face", "d.png", "no face found", transform=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), faces=0),
)


def test_alignment__comes_back_as_it_was_written(tmp_path: Path):
    write_settings(tmp_path, SETTINGS, counts={"ok": 1})
    write_rows(tmp_path, reversed(ROWS))
    assert read_alignment(tmp_path) == Alignment(SETTINGS, ROWS, complete=True)


def test_finished_alignment__refuses_a_run_that_was_interrupted(tmp_path: Path):
    assert finished_alignment(tmp_path) is None
    write_settings(tmp_path, SETTINGS)
    with pytest.raises(DataError, match="only in part"):
        finished_alignment(tmp_path)
    write_settings(tmp_path, SETTINGS, counts={"ok": 1})
    assert finished_alignment(tmp_path) is not None


def test_alignment_differences__names_what_makes_crops_look_otherwise():
    trained = json.loads(json.dumps(Alignment(SETTINGS).record))  # as a card carries it
    assert alignment_differences(trained, Alignment(SETTINGS).record) is None
    other = AlignSettings("mtcnn 1", size=64, margin=0.2, min_face_px=40, on_no_face="skip")
    assert (
        alignment_differences(trained, Alignment(other).record)
        == "margin 0.2 (trained on 0.0), size 64 (trained on 96)"
    )
    assert alignment_differences(trained, {"detector": "mtcnn 2"}) == "detector mtcnn 2 (trained on mtcnn 1)"
    assert alignment_differences(None, {"detector": "mtcnn 2"}) is None


def test_read_alignment__is_none_where_nothing_was_aligned(tmp_path: Path):
    assert read_alignment(tmp_path) is None


def test_journal__counts_after_a_kill_in_the_middle_of_a_line(tmp_path: Path):
    write_settings(tmp_path, SETTINGS)
    with Journal(tmp_path) as journal:
        journal.append(ROWS)
    path = tmp_path / ".align.journal.csv"
    path.write_bytes(path.read_bytes()[:-5])
    assert read_alignment(tmp_path) == Alignment(SETTINGS, ROWS[:2])
    with Journal(tmp_path) as journal:
        journal.append(ROWS[2:])
    assert read_alignment(tmp_path) == Alignment(SETTINGS, ROWS)


def test_fingerprint__changes_with_any_setting():
    others = (AlignSettings("mtcnn 2", size=96), AlignSettings("mtcnn 1", size=96, margin=0.1))
    assert len({SETTINGS.fingerprint, *(other.fingerprint for other in others)}) == 3
    assert SETTINGS.fingerprint == AlignSettings("mtcnn 1", size=96).fingerprint


def test_settings__name_the_crop_with_its_margin():
    assert (SETTINGS.crop, AlignSettings("m", margin=0.1).crop) == ("arcface", "arcface+0.1")


@pytest.mark.parametrize("wrong", [{"size": 2}, {"margin": -1.0}, {"min_face_px": 0}, {"template": "nope"}])
def test_settings__refuse_what_makes_no_sense(wrong: dict[str, object]):
    with pytest.raises(UsageError):
        AlignSettings("m", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 9}', '{"format": 1, "settings": {"size": "x"}}'])
def test_read_alignment__refuses_a_broken_json(text: str, tmp_path: Path):
    (tmp_path / "align.json").write_text(text)
    with pytest.raises(DataError, match=r"align\.json"):
        read_alignment(tmp_path)


def test_carry_dataset__adds_the_crop_and_leaves_out_what_was_not_written(tmp_path: Path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    (source / "dataset.csv").write_text('path,split,label\na/x.jpg,train,fear\n"b, c.png",test,fear\nd.png,test,\n')
    facts = {"format": 1, "name": "n", "schema": "folder", "labels": ["fear", "anger"], "fingerprint": "f"}
    (source / "dataset.json").write_text(json.dumps(facts))
    assert carry_dataset(source, target, Alignment(SETTINGS, ROWS))
    lines = (target / "dataset.csv").read_text().splitlines()
    assert lines == ["path,split,label", "a/x.jpg,train,fear", ",test,fear", "d.png,test,"]
    carried = json.loads((target / "dataset.json").read_text())
    assert carried["crop"] == "arcface"
    assert carried["fingerprint"] != "f"
    assert carried["alignment"]["fingerprint"] == SETTINGS.fingerprint
    assert carried["alignment"]["size"] == 96


def test_carry_dataset__does_nothing_without_one(tmp_path: Path):
    assert not carry_dataset(tmp_path, tmp_path, Alignment(SETTINGS))
