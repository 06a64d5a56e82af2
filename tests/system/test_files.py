"""A folder is all there or not at all, and nothing of the user's is replaced."""

from __future__ import annotations

import pytest

from fercli.errors import DataError, RefusedError
from fercli.system.files import refuse_existing_folder, replacing_folder


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
    with pytest.raises(DataError, match="cannot create the folder"), replacing_folder(tmp_path / "file" / "out"):
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
