"""The benchmark of the detectors: its figures for known results, and a real picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.bench import faces
from fercli.bench.isolated import Measurement
from fercli.errors import DataError
from fercli.faces.detector import DETECTORS
from fercli.media.images import write_image

POINTS = [10.0, 10.0, 20.0, 10.0, 15.0, 15.0, 11.0, 20.0, 19.0, 20.0]
ONE, OTHER = [0.0, 0.0, 100.0, 100.0, *POINTS], [200.0, 0.0, 300.0, 100.0, *POINTS]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "photos" / name, np.zeros((30, 40, 3), np.uint8))
    (tmp_path / "photos" / "text.jpg").write_text("hello")
    return tmp_path / "photos"


def _measured(monkeypatch: pytest.MonkeyPatch, ours: list[Any], theirs: list[Any]) -> None:
    """Set what the processes return: 0.5 s and 100 MB for our detectors, 2 s and 300 MB for the peer."""
    peer = Measurement({"seconds": 2.0, "processor_s": 3.0, "faces": theirs, "device": "cpu"}, 300.0)
    own = Measurement({"seconds": 0.5, "processor_s": 0.75, "faces": ours, "device": "cpu"}, 100.0)
    monkeypatch.setattr("fercli.bench.faces.run_isolated", lambda _, task: peer if task["name"] == faces.PEER else own)


def test_bench_faces__counts_speed_memory_and_agreement(monkeypatch: pytest.MonkeyPatch, photos: Path):
    shifted = [[1.0, 0.0, 101.0, 100.0, *(value + 0.25 for value in POINTS)]]  # 99 of 101 pixels in common
    _measured(monkeypatch, [[OTHER, ONE], []], [[ONE, OTHER], []])
    same = faces.bench_faces(photos)
    runs = {run.name: run for run in same.runs}
    assert list(runs) == [*DETECTORS, "facenet-pytorch"]
    assert (same.images, runs["mtcnn"].faces, runs["mtcnn"].pictures_without) == (2, 2, 1)
    assert runs["mtcnn"].images_per_s == (4.0, 4.0, 4.0)
    assert runs["mtcnn"].processor_ms == 375.0
    assert (runs["mtcnn"].speed_ratio, runs["facenet-pytorch"].speed_ratio) == (4.0, 1.0)
    assert runs["facenet-pytorch"].peak_mb == 300.0
    assert (same.worst_iou, same.worst_px, same.different) == (1.0, 0.0, ())
    _measured(monkeypatch, [shifted, []], [[ONE], []])
    other = faces.bench_faces(photos)
    assert other.worst_iou == pytest.approx(99 / 101)
    assert other.worst_px == 0.25
    assert other.different == ("a.png",)


def test_bench_faces__names_pictures_with_another_number_of_faces(monkeypatch: pytest.MonkeyPatch, photos: Path):
    _measured(monkeypatch, [[ONE], []], [[ONE, OTHER], []])
    assert faces.bench_faces(photos).different == ("a.png",)


def test_bench_faces__needs_a_picture(tmp_path: Path):
    with pytest.raises(DataError, match="no pictures"):
        faces.bench_faces(tmp_path)


def test_measure__finds_the_same_faces_as_the_peer(astronaut: np.ndarray, tmp_path: Path):
    write_image(tmp_path / "a.png", astronaut)
    ours, theirs = (faces.measure_detector(name, [str(tmp_path / "a.png")], 60) for name in ("mtcnn", faces.PEER))
    np.testing.assert_allclose(ours["faces"], theirs["faces"], atol=0.5)
    assert len(ours["faces"][0]) == 1
    assert min(ours["seconds"], ours["processor_s"]) > 0
