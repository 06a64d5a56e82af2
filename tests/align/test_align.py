"""`fer align` on a small tree: detected faces, kept and resumed crops, refusals."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fercli.align.align import AlignResult
from fercli.config.templates import template
from fercli.data.align_files import read_alignment
from fercli.errors import DataError, RefusedError, UsageError
from fercli.faces.detector import open_detector
from fercli.media.images import read_rgb, write_image

Align = Callable[..., AlignResult]


def _rows(target: Path) -> dict[str, dict[str, str]]:
    with (target / "align.csv").open(newline="") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def test_align__keeps_the_tree_and_has_a_row_for_every_file(align: Align, tree: Path, tmp_path: Path):
    target = tmp_path / "out"
    result = align(tree, target, size=112)
    assert (result.with_face, result.without_face, len(result.unreadable), result.crops) == (2, 1, 1, 3)
    rows = _rows(target)
    assert {name: row["status"] for name, row in rows.items()} == {
        "none.png": "no_face",
        "text.jpg": "unreadable",
        "train/fear/one.png": "ok",
        "two.jpg": "ok",
    }
    assert "not a picture" in rows["text.jpg"]["reason"]
    assert rows["none.png"]["output"] == "none.png"
    for name in ("none.png", "train/fear/one.png", "two.jpg"):
        assert read_rgb(target / name).shape == (112, 112, 3)
    assert not [path for path in target.rglob("*") if path.name.startswith(".")]
    assert json.loads((target / "align.json").read_text())["complete"] is True


def test_align__transform_takes_the_landmarks_to_the_template(align: Align, tree: Path, tmp_path: Path):
    align(tree, tmp_path / "out", size=112)
    row = _rows(tmp_path / "out")["train/fear/one.png"]
    points = np.array([[float(row[f"{eye}_eye_{axis}"]) for axis in "xy"] for eye in ("left", "right")])
    matrix = np.array([float(row[f"m{index}"]) for index in ("00", "01", "02", "10", "11", "12")]).reshape(2, 3)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(moved, template("arcface").points_px(112)[:2], atol=4)
    # and the detector finds the eyes of the crop there
    (face, *_) = open_detector(device="cpu").detect([read_rgb(tmp_path / "out" / "train" / "fear" / "one.png")])[0]
    np.testing.assert_allclose(face.landmarks[:2], moved, atol=3)


def test_align__counts_the_files_that_are_no_pictures_by_their_names(align: Align, tree: Path, tmp_path: Path):
    for name in ("notes.txt", "train/clip.mp4", ".hidden"):
        (tree / name).touch()
    assert align(tree, tmp_path / "out", size=64).ignored == 2


def test_align__reports_pictures_with_several_faces(align: Align, tree: Path, tmp_path: Path):
    result = align(tree, tmp_path / "out", size=64)
    assert result.with_several_faces == 1
    assert {name: row["faces"] for name, row in _rows(tmp_path / "out").items()} == {
        "none.png": "0",
        "text.jpg": "",
        "train/fear/one.png": "1",
        "two.jpg": "2",
    }


def test_align__writes_a_contact_sheet(align: Align, tree: Path, tmp_path: Path):
    result = align(tree, tmp_path / "out", size=64, on_no_face="skip")
    page = result.contact_sheet.read_text(encoding="utf-8")
    assert result.contact_sheet.parent == tmp_path / "out"
    assert page.count("<img ") == 3  # two crops, and the picture without a face itself
    assert 'href="../in/none.png"' in page
    assert "not a picture" in page


def test_align__reports_why_a_file_with_a_pictures_name_cannot_be_read(align: Align, tree: Path, tmp_path: Path):
    whole = (tree / "two.jpg").read_bytes()
    (tree / "bad").mkdir()
    (tree / "bad" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tree / "bad" / "empty.jpg").touch()
    (tree / "bad" / "folder.jpg").mkdir()
    (tree / "bad" / "png.jpg").write_bytes((tree / "train" / "fear" / "one.png").read_bytes())
    os.mkfifo(tree / "bad" / "pipe.jpg")
    (tree / "none.png").unlink()
    (tree / "none.png").symlink_to(tree / "nowhere.png")
    result = align(tree, tmp_path / "out", size=64)
    assert {row.source: row.reason for row in result.unreadable} == {
        "bad/cut.jpg": "the picture is truncated",
        "bad/empty.jpg": "the file is empty",
        "bad/pipe.jpg": "not a regular file",
        "none.png": "no such file or directory",
        "text.jpg": "not a picture, despite its suffix .jpg",
    }
    assert result.with_face == 3


def test_align__has_a_row_for_a_folder_that_is_closed(
    align: Align, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    usual = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("fear"):
            raise PermissionError(13, "Permission denied", path)
        return usual(path)

    monkeypatch.setattr(os, "scandir", scandir)  # tests may run as root, who may look anywhere
    result = align(tree, tmp_path / "out", size=64)
    assert [row.source for row in result.unreadable] == ["text.jpg", "train/fear"]
    assert result.with_face == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 2), (13, 700)])
def test_align__takes_pictures_of_any_shape(align: Align, shape: tuple[int, int], tmp_path: Path):
    write_image(tmp_path / "in" / "odd.png", np.full((*shape, 3), 120, np.uint8))
    assert align(tmp_path / "in", tmp_path / "out", size=32).without_face == 1


def test_align__refuses_a_folder_with_other_things(align: Align, tree: Path, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(RefusedError, match="not empty"):
        align(tree, tmp_path / "mine")


def test_align__skips_pictures_without_a_face_on_request(align: Align, tree: Path, tmp_path: Path):
    result = align(tree, tmp_path / "out", size=64, on_no_face="skip")
    assert (result.crops, result.without_face) == (2, 1)
    assert not (tmp_path / "out" / "none.png").exists()


def test_align__refuses_what_cannot_work(align: Align, tree: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="is inside"):
        align(tree, tree / "out")
    with pytest.raises(DataError, match="does not exist"):
        align(tmp_path / "nope", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        align(tmp_path / "empty", tmp_path / "out")
    (tmp_path / "empty" / "a.png").touch()
    with pytest.raises(DataError, match="none of the 1"):
        align(tmp_path / "empty", tmp_path / "out")


FACE, BLANK = (slice(20, 220), slice(120, 330)), np.full((60, 90, 3), 90, np.uint8)


def _crops(target: Path) -> list[str]:
    return sorted(path.name for path in target.iterdir() if path.suffix in (".jpg", ".png"))


def test_align__gives_every_crop_a_name_of_its_own(align: Align, astronaut: np.ndarray, tmp_path: Path):
    source, target = tmp_path / "in", tmp_path / "out"
    write_image(source / "a.png", np.hstack([astronaut[FACE], astronaut[FACE][:, ::-1]]))
    for name in ("a-face1.png", "c.ppm", "c.pgm.png"):
        write_image(source / name, astronaut[FACE])
    (source / "c.ppm").rename(source / "c.pgm")
    align(source, target, size=64, faces="all")
    done = read_alignment(target)
    assert done is not None
    outputs = {(row.source, row.face): row.output for row in done.rows}
    assert outputs == {
        ("a-face1.png", 0): "a-face1.png",
        ("a.png", 0): "a.png",
        ("a.png", 1): "a-face1-2.png",
        ("c.pgm", 0): "c.pgm.png",
        ("c.pgm.png", 0): "c.pgm-2.png",
    }
    assert _crops(target) == sorted(outputs.values())
    (target / "c.pgm.png").unlink()
    (target / "a-face1-2.png").unlink()
    assert align(source, target, size=64, faces="all").resumed == 2
    again = read_alignment(target)
    assert again is not None
    assert again.rows == done.rows


def test_align__refuses_an_output_folder_above_the_source(align: Align, tree: Path, tmp_path: Path):
    write_image(tree / "in" / "two.jpg", np.full((60, 90, 3), 90, np.uint8))
    before = (tree / "two.jpg").read_bytes()
    for target in (tmp_path, tree):
        with pytest.raises(UsageError, match="is inside"):
            align(tree, target, overwrite=True)
    assert (tree / "two.jpg").read_bytes() == before


def test_align__takes_any_name(align: Align, astronaut: np.ndarray, tmp_path: Path):
    source = tmp_path / "in"
    names = [
        "a" * 251 + ".jpg",
        "a" * 250 + "b.jpg",
        "c" * 251 + ".gif",
        "cr\r.jpg",
        "lf\n.jpg",
        os.fsdecode(b"caf\xe9.jpg"),
    ]
    source.mkdir()
    cv2.imwrite(str(tmp_path / "one.jpg"), astronaut[20:220, 120:330, ::-1])
    for name in names:
        shutil.copy(tmp_path / "one.jpg", source / name)
    for _ in range(2):  # the second run reads the first one's files
        result = align(source, tmp_path / "out", size=112, faces="all")
        assert (result.with_face, result.crops) == (len(names), len(names))
    alignment = read_alignment(tmp_path / "out")
    assert alignment is not None
    assert {row.source for row in alignment.rows} == set(names)
    assert all((tmp_path / "out" / str(row.output)).is_file() for row in alignment.rows)
