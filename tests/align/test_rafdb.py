"""`fer align` of RAF-DB in its official layout."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fercli.align.align import AlignResult
from fercli.data.align_files import read_alignment
from fercli.data.open import open_dataset
from fercli.errors import DataError, UsageError
from fercli.media.images import read_rgb, write_image

Align = Callable[..., AlignResult]


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


def test_align__aligns_rafdb_in_place_where_training_finds_it(align: Align, rafdb: Path):
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


def test_align__takes_the_face_that_rafdbs_annotators_marked(align: Align, rafdb: Path, astronaut: np.ndarray):
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


def test_align__makes_a_copy_of_rafdb_in_its_official_layout(align: Align, rafdb: Path, tmp_path: Path):
    align(rafdb / "basic", tmp_path / "copy", size=64, faces="all")
    dataset = open_dataset(str(tmp_path / "copy"))
    assert [dataset.labels[sample.label or 0] for sample in dataset.samples] == ["sadness", "fear", "neutral"]
    assert dataset.samples[0].path == tmp_path / "copy" / "Image" / "aligned" / "train_00001_aligned.jpg"
    assert dataset.crop == "arcface"
    assert open_dataset("rafdb", rafdb).crop is None


def test_align__interrupted_in_place_is_no_data_set(align: Align, rafdb: Path):
    with pytest.raises(KeyboardInterrupt):
        align(rafdb, size=64, progress=_interrupt_at_once)
    with pytest.raises(DataError, match="was interrupted"):
        open_dataset("rafdb", rafdb)


def _interrupt_at_once(done: int, total: int | None, note: str) -> None:
    raise KeyboardInterrupt


def test_align__wants_a_target_for_anything_but_rafdb(align: Align, tree: Path, rafdb: Path):
    with pytest.raises(UsageError, match="no output folder"):
        align(tree)
    shutil.rmtree(rafdb / "basic" / "Image" / "original")
    with pytest.raises(DataError, match="Image/original"):
        align(rafdb)
