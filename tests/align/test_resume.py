"""`fer align` of a folder that was aligned before, completely or in part."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from fercli.align.align import AlignResult
from fercli.data.align_files import read_alignment
from fercli.errors import RefusedError
from fercli.media.images import read_rgb, write_image

Align = Callable[..., AlignResult]
FACE, BLANK = (slice(20, 220), slice(120, 330)), np.full((60, 90, 3), 90, np.uint8)


def _rows(target: Path) -> dict[str, dict[str, str]]:
    with (target / "align.csv").open(newline="") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def test_align__does_not_redo_what_is_finished(align: Align, tree: Path, tmp_path: Path):
    target = tmp_path / "out"
    align(tree, target, size=64)
    (target / "none.png").unlink()  # lost: done again; text.jpg is tried again as well
    before = (target / "two.jpg").stat().st_mtime_ns
    result = align(tree, target, size=64)
    assert result.resumed == 2
    assert (target / "two.jpg").stat().st_mtime_ns == before
    assert (target / "none.png").is_file()
    assert len(_rows(target)) == 4


def test_align__redoes_a_picture_that_changed(align: Align, tree: Path, tmp_path: Path):
    align(tree, tmp_path / "out", size=64)
    newer = (tmp_path / "out" / "two.jpg").stat().st_mtime + 10
    os.utime(tree / "two.jpg", (newer, newer))
    assert align(tree, tmp_path / "out", size=64).resumed == 2


def test_align__continues_a_run_that_was_killed_before_its_settings_were_written(
    align: Align, tree: Path, tmp_path: Path
):
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


def test_align__resumes_an_interrupted_run(align: Align, tree: Path, tmp_path: Path):
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


def test_align__refuses_other_settings_without_overwrite(align: Align, tree: Path, tmp_path: Path):
    target = tmp_path / "out"
    align(tree, target, size=64, faces="all")
    assert (target / "two-face1.jpg").is_file()
    with pytest.raises(RefusedError, match="size 64 \\(now 80\\)"):
        align(tree, target, size=80, faces="all")
    align(tree, target, size=80, overwrite=True)
    assert read_rgb(target / "two.jpg").shape == (80, 80, 3)
    assert not (target / "two-face1.jpg").exists()


def _crops(target: Path) -> list[str]:
    return sorted(path.name for path in target.iterdir() if path.suffix in (".jpg", ".png"))


def test_align__does_a_picture_again_that_was_replaced(align: Align, astronaut: np.ndarray, tmp_path: Path):
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


def test_align__deletes_crops_whose_picture_was_deleted(align: Align, astronaut: np.ndarray, tmp_path: Path):
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


def test_align__does_a_picture_again_whose_rows_are_not_all_there(align: Align, tree: Path, tmp_path: Path):
    target = tmp_path / "out"
    align(tree, target, size=64, faces="all")
    lines = (target / "align.csv").read_text().splitlines(keepends=True)
    (target / "align.csv").write_text("".join(line for line in lines if "two-face1.jpg" not in line))
    assert align(tree, target, size=64, faces="all").resumed == 2
    assert (target / "align.csv").read_text().splitlines(keepends=True) == lines
