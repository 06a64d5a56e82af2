"""A folder is all there or not at all, and nothing of the user's is replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fercli.errors import RefusedError
from fercli.system.files import refuse_existing_folder, replacing, replacing_folder, writing_alone


def test_replacing_folder__appears_when_complete(tmp_path):
    target = tmp_path / "deep" / "out"
    with replacing_folder(target) as place:
        (place / "a").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a"]
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_replacing_folder__keeps_the_old_one_on_failure(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(KeyboardInterrupt), replacing_folder(target):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_replacing_folder__replaces_the_whole_old_one(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with replacing_folder(target) as place:
        (place / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "new"]


def test_replacing_folder__names_a_folder_it_cannot_create(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="cannot write in"), replacing_folder(tmp_path / "file" / "out"):
        pass


def test_refuse_existing_folder__replaces_only_marked_or_empty_ones(tmp_path):
    refuse_existing_folder(tmp_path / "new", overwrite=False, mark="m")
    refuse_existing_folder(tmp_path, overwrite=True, mark="m")  # empty
    with pytest.raises(RefusedError, match="already"):
        refuse_existing_folder(tmp_path, overwrite=False, mark="m")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(RefusedError, match="contains no m"):
        refuse_existing_folder(tmp_path, overwrite=True, mark="m")
    (tmp_path / "m").touch()
    refuse_existing_folder(tmp_path, overwrite=True, mark="m")
    with pytest.raises(RefusedError, match="contains no m"):
        refuse_existing_folder(tmp_path / "m", overwrite=True, mark="m")


def test_replacing__is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    events = []
    real_sync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (events.append("sync"), real_sync(number)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("rename"), real_replace(self, to))[1])
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("x", encoding="utf-8")
    assert events == ["sync", "rename", "sync"]
    events.clear()
    with replacing(tmp_path / "a.txt", durable=False) as temporary:
        temporary.write_text("y", encoding="utf-8")
    assert events == ["rename"]


@pytest.mark.parametrize("name", ["rows.csv", "rows", "a.b.parquet", f"{'n' * 250}.csv", "w[e]i*rd.csv"])
def test_writing_alone__removes_what_killed_runs_left_and_nothing_else(tmp_path, name):
    path = tmp_path / name
    with replacing(path) as temporary:
        temporary.touch()
        left = temporary
    left.touch()
    other = [tmp_path / ".other.0123abcd.part.csv", tmp_path / ".rows.0123abcd.part.txt", tmp_path / ".hidden"]
    for file in other:
        file.touch()
    with writing_alone(path):
        assert not left.exists()
        with pytest.raises(RefusedError, match="another run is writing"), writing_alone(path):
            pass
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, *(file.name for file in other)])


def test_replacing_folder__removes_what_killed_runs_left(tmp_path):
    left = tmp_path / ".out.0123abcd.part"
    (left / "deep").mkdir(parents=True)
    with replacing_folder(tmp_path / "out"), pytest.raises(RefusedError), replacing_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_writing_alone__removes_a_link_of_a_left_over_and_not_its_folder(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.txt").write_text("a")
    (tmp_path / ".rows.12345678.part.csv").symlink_to(tmp_path / "kept")
    with writing_alone(tmp_path / "rows.csv"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]
    assert (tmp_path / "kept" / "a.txt").read_text() == "a"
