"""align.csv, align.json and the journal between them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fercli.data.align_files import (
    AlignJournal,
    finished_alignment,
    read_alignment,
    write_align_csv,
    write_align_settings,
)
from fercli.data.align_record import Alignment, AlignRow, AlignSettings
from fercli.errors import DataError
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
    write_align_settings(tmp_path, SETTINGS, counts={"ok": 1})
    write_align_csv(tmp_path, reversed(ROWS))
    assert read_alignment(tmp_path) == Alignment(SETTINGS, ROWS, complete=True)


def test_finished_alignment__refuses_a_run_that_was_interrupted(tmp_path: Path):
    assert finished_alignment(tmp_path) is None
    write_align_settings(tmp_path, SETTINGS)
    with pytest.raises(DataError, match="was interrupted"):
        finished_alignment(tmp_path)
    write_align_settings(tmp_path, SETTINGS, counts={"ok": 1})
    assert finished_alignment(tmp_path) is not None


def test_read_alignment__is_none_where_nothing_was_aligned(tmp_path: Path):
    assert read_alignment(tmp_path) is None


def test_journal__counts_after_a_kill_in_the_middle_of_a_line(tmp_path: Path):
    write_align_settings(tmp_path, SETTINGS)
    with AlignJournal(tmp_path) as journal:
        journal.append(ROWS)
    path = tmp_path / ".align.journal.csv"
    path.write_bytes(path.read_bytes()[:-5])
    assert read_alignment(tmp_path) == Alignment(SETTINGS, ROWS[:2])
    with AlignJournal(tmp_path) as journal:
        journal.append(ROWS[2:])
    assert read_alignment(tmp_path) == Alignment(SETTINGS, ROWS)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 9}', '{"format": 1, "settings": {"size": "x"}}'])
def test_read_alignment__refuses_a_broken_json(text: str, tmp_path: Path):
    (tmp_path / "align.json").write_text(text)
    with pytest.raises(DataError, match=r"align\.json"):
        read_alignment(tmp_path)


@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "a/../../x.png"])
def test_read_alignment__refuses_crops_outside_its_folder(name: str, tmp_path: Path):
    # fer align --overwrite deletes the crops that the rows name
    write_align_settings(tmp_path, SETTINGS)
    write_align_csv(tmp_path, [AlignRow("a.jpg", "no_face", name, faces=0)])
    with pytest.raises(DataError, match=r"the row of a\.jpg is invalid"):
        read_alignment(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_journal__that_is_a_link__writes_to_no_other_file(tmp_path: Path):
    (tmp_path / "victim.csv").write_text("precious, without a line end")
    (tmp_path / ".align.journal.csv").symlink_to(tmp_path / "victim.csv")
    with AlignJournal(tmp_path) as journal:
        journal.append(ROWS)
    assert (tmp_path / "victim.csv").read_text() == "precious, without a line end"
    assert not (tmp_path / ".align.journal.csv").is_symlink()
