"""Where pictures are read and crops are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.align.paths import AlignPaths, align_paths
from fercli.errors import DataError, UsageError


@pytest.fixture
def rafdb(tmp_path: Path) -> Path:
    basic = tmp_path / "RAF" / "basic"
    (basic / "EmoLabel").mkdir(parents=True)
    (basic / "EmoLabel" / "list_patition_label.txt").touch()
    (basic / "Image" / "original").mkdir(parents=True)
    return basic


def test_align_paths__of_a_folder_need_a_target(tmp_path: Path):
    assert align_paths(tmp_path, tmp_path / "out") == AlignPaths(tmp_path, tmp_path / "out")
    with pytest.raises(UsageError, match="no output folder"):
        align_paths(tmp_path, None)


def test_align_paths__of_rafdb_are_the_official_folders(rafdb: Path, tmp_path: Path):
    in_place = align_paths(rafdb.parent, None)
    assert (in_place.source, in_place.target) == (rafdb / "Image" / "original", rafdb / "Image" / "aligned-by-fer")
    assert (in_place.stem_suffix, in_place.label_list) == ("_aligned", None)
    copy = align_paths(rafdb, tmp_path / "out")
    assert copy.target == tmp_path / "out" / "Image" / "aligned"
    assert copy.label_list is not None
    assert copy.label_list[1] == tmp_path / "out" / "EmoLabel" / "list_patition_label.txt"


def test_align_paths__of_rafdb_without_its_photos_are_refused(rafdb: Path):
    (rafdb / "Image" / "original").rmdir()
    with pytest.raises(DataError, match="Image/original"):
        align_paths(rafdb, None)


def test_labelled_face__is_the_mean_of_the_annotators_points(rafdb: Path):
    paths = align_paths(rafdb, None)
    assert paths.labelled_face(Path("train_00001.jpg")) is None
    manual = rafdb / "Annotation" / "manual"
    manual.mkdir(parents=True)
    (manual / "train_00001_manu_attri.txt").write_text("10 20\n30 20\n20 30\n15 40\n25 40\n")
    assert paths.labelled_face(Path("train_00001.jpg")) == (20.0, 30.0)  # (10+30+20+15+25)/5, (20+20+30+40+40)/5
