"""`fer align` on a small tree: detected faces, kept and resumed crops, refusals."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest

from fercli.align.align import AlignOptions, AlignResult
from fercli.align.align import align as align_folder
from fercli.config.templates import template
from fercli.data.align_files import read_alignment
from fercli.data.open import open_dataset
from fercli.errors import DataError, RefusedError, UsageError
from fercli.faces.detector import open_detector
from fercli.media.images import read_rgb, write_image
from fercli.progress import Progress, silent


def align(
    source: Path,
    target: Path | None = None,
    *,
    overwrite: bool = False,
    chunk_pictures: int = 256,
    progress: Progress = silent,
    **options: Any,
) -> AlignResult:
    """`fercli.align.align.align` with the options as keywords."""
    return align_folder(
        source,
        target,
        AlignOptions(**options),
        overwrite=overwrite,
        chunk_pictures=chunk_pictures,
        progress=progress,
    )


@pytest.fixture
def tree(tmp_path: Path, astronaut: np.ndarray) -> Path:
    """Two pictures with the astronaut, one without a face, one that is no picture."""
    source = tmp_path / "in"
    write_image(source / "train" / "fear" / "one.png", astronaut[20:220, 120:330])
    write_image(source / "two.jpg", np.hstack([astronaut[20:220, 120:330], astronaut[20:220, 330:120:-1]]))
    write_image(source / "none.png", np.full((60, 90, 3), 90, np.uint8))
    (source / "text.jpg").write_text("hello")
    return source


def _rows(target: Path) -> dict[str, dict[str, str]]:
    with (target / "align.csv").open(newline="") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def test_align__keeps_the_tree_and_has_a_row_for_every_file(tree: Path, tmp_path: Path):
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


def test_align__transform_takes_the_landmarks_to_the_template(tree: Path, tmp_path: Path):
    align(tree, tmp_path / "out", size=112)
    row = _rows(tmp_path / "out")["train/fear/one.png"]
    points = np.array([[float(row[f"{eye}_eye_{axis}"]) for axis in "xy"] for eye in ("left", "right")])
    matrix = np.array([float(row[f"m{index}"]) for index in ("00", "01", "02", "10", "11", "12")]).reshape(2, 3)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(moved, template("arcface").points_px(112)[:2], atol=4)
    # and the detector finds the eyes of the crop there
    (face, *_) = open_detector(device="cpu").detect([read_rgb(tmp_path / "out" / "train" / "fear" / "one.png")])[0]
    np.testing.assert_allclose(face.landmarks[:2], moved, atol=3)


def test_align__counts_the_files_that_are_no_pictures_by_their_names(tree: Path, tmp_path: Path):
    for name in ("notes.txt", "train/clip.mp4", ".hidden"):
        (tree / name).touch()
    assert align(tree, tmp_path / "out", size=64).ignored == 2


def test_align__does_not_redo_what_is_finished(tree: Path, tmp_path: Path):
    target = tmp_path / "out"
    align(tree, target, size=64)
    (target / "none.png").unlink()  # lost: done again; text.jpg is tried again as well
    before = (target / "two.jpg").stat().st_mtime_ns
    result = align(tree, target, size=64)
    assert result.resumed == 2
    assert (target / "two.jpg").stat().st_mtime_ns == before
    assert (target / "none.png").is_file()
    assert len(_rows(target)) == 4


def test_align__redoes_a_picture_that_changed(tree: Path, tmp_path: Path):
    align(tree, tmp_path / "out", size=64)
    newer = (tmp_path / "out" / "two.jpg").stat().st_mtime + 10
    os.utime(tree / "two.jpg", (newer, newer))
    assert align(tree, tmp_path / "out", size=64).resumed == 2


def test_align__continues_a_run_that_was_killed_before_its_settings_were_written(tree: Path, tmp_path: Path):
    left = tmp_path / "out" / ".align.0a1b2c3d.part.json"
    left.parent.mkdir()
    left.write_text("{")
    assert align(tree, tmp_path / "out").with_face == 2
    assert not left.exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / ".hidden").touch()  # a folder of somebody else's
    with pytest.raises(RefusedError, match="was not written by fer align"):
        align(tree, other)


def test_align__resumes_an_interrupted_run(tree: Path, tmp_path: Path):
    target = tmp_path / "out"

    def interrupt(done: int, total: int | None, note: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        align(tree, target, size=64, chunk_pictures=1, progress=interrupt)
    assert json.loads((target / "align.json").read_text())["complete"] is False
    done = read_alignment(target)
    assert done is not None
    assert [row.source for row in done.rows] == ["none.png", "text.jpg"]
    (target / ".none.1234.part.png").write_bytes(b"half")  # as a killed run leaves it
    result = align(tree, target, size=64)
    assert (result.resumed, result.crops) == (1, 3)
    assert not list(target.glob(".*"))


def test_align__reports_pictures_with_several_faces(tree: Path, tmp_path: Path):
    result = align(tree, tmp_path / "out", size=64)
    assert result.with_several_faces == 1
    assert {name: row["faces"] for name, row in _rows(tmp_path / "out").items()} == {
        "none.png": "0",
        "text.jpg": "",
        "train/fear/one.png": "1",
        "two.jpg": "2",
    }


def test_align__writes_a_contact_sheet(tree: Path, tmp_path: Path):
    result = align(tree, tmp_path / "out", size=64, on_no_face="skip")
    page = result.contact_sheet.read_text(encoding="utf-8")
    assert result.contact_sheet.parent == tmp_path / "out"
    assert page.count("<img ") == 3  # two crops, and the picture without a face itself
    assert 'href="../in/none.png"' in page
    assert "not a picture" in page


def test_align__reports_why_a_file_with_a_pictures_name_cannot_be_read(tree: Path, tmp_path: Path):
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


def test_align__has_a_row_for_a_folder_that_is_closed(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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
def test_align__takes_pictures_of_any_shape(shape: tuple[int, int], tmp_path: Path):
    write_image(tmp_path / "in" / "odd.png", np.full((*shape, 3), 120, np.uint8))
    assert align(tmp_path / "in", tmp_path / "out", size=32).without_face == 1


@pytest.fixture
def rafdb(tmp_path: Path, astronaut: np.ndarray) -> Path:
    """RAF-DB in its official layout: photos, crops of 100 px, and the list of labels; one photo without a face."""
    basic = tmp_path / "RAF" / "basic"
    for name in ("train_00001", "test_0001"):
        write_image(basic / "Image" / "original" / f"{name}.jpg", astronaut[20:220, 120:330])
        write_image(basic / "Image" / "aligned" / f"{name}_aligned.jpg", np.zeros((100, 100, 3), np.uint8))
    write_image(basic / "Image" / "original" / "train_00002.jpg", np.full((60, 90, 3), 90, np.uint8))
    write_image(basic / "Image" / "aligned" / "train_00002_aligned.jpg", np.zeros((100, 100, 3), np.uint8))
    (basic / "EmoLabel").mkdir()
    (basic / "EmoLabel" / "list_patition_label.txt").write_text(
        "train_00001.jpg 5\ntrain_00002.jpg 2\ntest_0001.jpg 7\n"
    )
    return tmp_path / "RAF"


def test_align__aligns_rafdb_in_place_where_training_finds_it(rafdb: Path):
    assert open_dataset("rafdb", rafdb).alignment is None
    result = align(rafdb, size=64, on_no_face="skip")
    assert (result.with_face, result.without_face, result.is_dataset) == (2, 1, True)
    assert read_rgb(rafdb / "basic" / "Image" / "aligned" / "train_00001_aligned.jpg").max() == 0  # the official crop
    dataset = open_dataset("rafdb", rafdb)
    assert [read_rgb(sample.path).shape for sample in dataset.samples] == [(64, 64, 3)] * 2
    assert (dataset.crop, dataset.without_file) == ("arcface", {"train": 1})
    assert dataset.alignment is not None
    assert dataset.alignment["fingerprint"] == result.settings.fingerprint
    assert align(rafdb, size=64, on_no_face="skip").resumed == 3


def test_align__takes_the_face_that_rafdbs_annotators_marked(rafdb: Path, astronaut: np.ndarray):
    face = astronaut[20:220, 120:330]
    basic, small = rafdb / "basic", cv2.resize(face, (105, 100), interpolation=cv2.INTER_AREA)
    both = np.full((200, 315, 3), 128, np.uint8)
    both[:, :210], both[50:150, 210:] = face, small
    write_image(basic / "Image" / "original" / "train_00001.jpg", both)
    (basic / "Annotation" / "manual").mkdir(parents=True)
    (basic / "Annotation" / "manual" / "train_00001_manu_attri.txt").write_text(
        "245 90\n270 90\n258 100\n247 112\n268 112\n1\n2\n3\n"
    )
    align(rafdb, size=64)
    alignment = read_alignment(basic / "Image" / "aligned-by-fer")
    assert alignment is not None
    taken = next(row for row in alignment.rows if row.source == "train_00001.jpg")
    assert taken.detection is not None
    assert (taken.faces, taken.face) == (2, 1)
    assert taken.detection.box_xyxy[0] > 210


def test_align__makes_a_copy_of_rafdb_in_its_official_layout(rafdb: Path, tmp_path: Path):
    align(rafdb / "basic", tmp_path / "copy", size=64, faces="all")
    dataset = open_dataset(str(tmp_path / "copy"))
    assert [dataset.labels[sample.label or 0] for sample in dataset.samples] == ["sadness", "fear", "neutral"]
    assert dataset.samples[0].path == tmp_path / "copy" / "Image" / "aligned" / "train_00001_aligned.jpg"
    assert dataset.crop == "arcface"
    assert open_dataset("rafdb", rafdb).crop is None


def test_align__interrupted_in_place_is_no_data_set(rafdb: Path):
    with pytest.raises(KeyboardInterrupt):
        align(rafdb, size=64, progress=_interrupt_at_once)
    with pytest.raises(DataError, match="was interrupted"):
        open_dataset("rafdb", rafdb)


def _interrupt_at_once(done: int, total: int | None, note: str) -> None:
    raise KeyboardInterrupt


def test_align__wants_a_target_for_anything_but_rafdb(tree: Path, rafdb: Path):
    with pytest.raises(UsageError, match="no output folder"):
        align(tree)
    shutil.rmtree(rafdb / "basic" / "Image" / "original")
    with pytest.raises(DataError, match="Image/original"):
        align(rafdb)


def test_align__refuses_other_settings_without_overwrite(tree: Path, tmp_path: Path):
    target = tmp_path / "out"
    align(tree, target, size=64, faces="all")
    assert (target / "two-face1.jpg").is_file()
    with pytest.raises(RefusedError, match="size 64 \\(now 80\\)"):
        align(tree, target, size=80, faces="all")
    align(tree, target, size=80, overwrite=True)
    assert read_rgb(target / "two.jpg").shape == (80, 80, 3)
    assert not (target / "two-face1.jpg").exists()


def test_align__refuses_a_folder_with_other_things(tree: Path, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(RefusedError, match="not empty"):
        align(tree, tmp_path / "mine")


def test_align__skips_pictures_without_a_face_on_request(tree: Path, tmp_path: Path):
    result = align(tree, tmp_path / "out", size=64, on_no_face="skip")
    assert (result.crops, result.without_face) == (2, 1)
    assert not (tmp_path / "out" / "none.png").exists()


def test_align__refuses_what_cannot_work(tree: Path, tmp_path: Path):
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


def test_align__does_a_picture_again_that_was_replaced(astronaut: np.ndarray, tmp_path: Path):
    source, target = tmp_path / "in", tmp_path / "out"
    for name in ("a.png", "b.png"):
        write_image(source / name, BLANK)
    write_image(source / "c.png", astronaut[FACE])
    ways: tuple[Literal["keep", "skip"], ...] = ("skip", "keep")
    for way in ways:
        align(source, target / way, size=64, on_no_face=way)
    for name in ("a.png", "b.png"):
        write_image(source / name, astronaut[FACE])
    os.utime(source / "b.png", (1e9, 1e9))  # replaced by an older file
    for way in ways:
        result = align(source, target / way, size=64, on_no_face=way)
        assert (result.resumed, result.with_face, result.without_face) == (1, 3, 0)
        assert _crops(target / way) == ["a.png", "b.png", "c.png"]
    assert align(source, target / "skip", size=64, on_no_face="skip").resumed == 3


def test_align__deletes_crops_whose_picture_was_deleted(astronaut: np.ndarray, tmp_path: Path):
    source, target = tmp_path / "in", tmp_path / "out"
    for name in ("gone.png", "stays.png", "unreadable.png"):
        write_image(source / name, astronaut[FACE])
    write_image(source / "two.png", np.hstack([astronaut[FACE], astronaut[FACE][:, ::-1]]))
    align(source, target, size=64, faces="all")
    assert _crops(target) == ["gone.png", "stays.png", "two-face1.png", "two.png", "unreadable.png"]
    (source / "gone.png").unlink()
    (source / "unreadable.png").write_bytes(b"zz")
    write_image(source / "two.png", astronaut[FACE])
    result = align(source, target, size=64, faces="all")
    assert _crops(target) == ["stays.png", "two.png"]
    assert result.resumed == 1
    done = read_alignment(target)
    assert done is not None
    assert [(row.source, row.output) for row in done.rows] == [
        ("stays.png", "stays.png"),
        ("two.png", "two.png"),
        ("unreadable.png", None),
    ]


def test_align__does_a_picture_again_whose_rows_are_not_all_there(tree: Path, tmp_path: Path):
    target = tmp_path / "out"
    align(tree, target, size=64, faces="all")
    lines = (target / "align.csv").read_text().splitlines(keepends=True)
    (target / "align.csv").write_text("".join(line for line in lines if "two-face1.jpg" not in line))
    assert align(tree, target, size=64, faces="all").resumed == 2
    assert (target / "align.csv").read_text().splitlines(keepends=True) == lines


def test_align__gives_every_crop_a_name_of_its_own(astronaut: np.ndarray, tmp_path: Path):
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


def test_align__refuses_an_output_folder_above_the_source(tree: Path, tmp_path: Path):
    write_image(tree / "in" / "two.jpg", np.full((60, 90, 3), 90, np.uint8))
    before = (tree / "two.jpg").read_bytes()
    for target in (tmp_path, tree):
        with pytest.raises(UsageError, match="is inside"):
            align(tree, target, overwrite=True)
    assert (tree / "two.jpg").read_bytes() == before


def test_align__takes_any_name(astronaut: np.ndarray, tmp_path: Path):
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
