"""Writing a manifest and comparing a data set with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.data.dataset import Dataset, Sample
from fercli.data.inspection import PictureInfo
from fercli.data.manifest import ManifestChanges, compare_manifest, manifest_rows, require_manifest_of, write_manifest
from fercli.errors import DataError

DATA = Dataset(
    "toy", "folder", ("fear",), (Sample(Path("a.png"), "train", 0), Sample(Path("b, c.png"), "test", None)), Path()
)
ROWS = manifest_rows(DATA, [PictureInfo("1" * 64, "2" * 64, (3, 4)), PictureInfo(None, error="cannot be read")])


def test_manifest_rows__have_empty_cells_for_what_is_unknown():
    assert ROWS == [
        ("a.png", "train", "fear", "1" * 64, "2" * 64, "3", "4"),
        ("b, c.png", "test", "", "", "", "", ""),
    ]


def test_compare_manifest__names_what_was_changed_removed_and_added(tmp_path: Path):
    write_manifest(tmp_path / "m.csv", ROWS)
    assert not compare_manifest(tmp_path / "m.csv", ROWS)
    now = [("a.png", "val", *ROWS[0][2:]), ("d.png", *ROWS[1][1:])]
    assert compare_manifest(tmp_path / "m.csv", now) == ManifestChanges(("b, c.png",), ("d.png",), ("a.png",))


def test_require_manifest_of__refuses_the_manifest_of_other_images(tmp_path: Path):
    write_manifest(tmp_path / "m.csv", ROWS)
    require_manifest_of(DATA, tmp_path / "m.csv")
    write_manifest(tmp_path / "m.csv", ROWS[:1])
    with pytest.raises(DataError, match="1 of toy are not in it"):
        require_manifest_of(DATA, tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="not the manifest of a data set"):
        compare_manifest(tmp_path / "m.csv", ROWS)
