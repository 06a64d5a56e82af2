"""fer bench from the command line: tables for people, JSON for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fercli.bench.faces import DetectorRun, FacesBench
from fercli.bench.models import ModelRow, ModelsBench
from fercli.bench.start import StartBench
from fercli.bench.video import VideoBench, VideoRun
from fercli.cli.main import main

FACES = FacesBench(
    images=2,
    threads=2,
    device="cpu",
    runs=(
        DetectorRun("mtcnn", 3, 0, (4.0, 3.5, 4.5), 4.0, 100.0, 250.0),
        DetectorRun("facenet-pytorch", 3, 0, (1.0, 0.9, 1.1), 1.0, None, 2000.0),
    ),
    worst_iou=0.991,
    worst_px=0.25,
    different=("a/b.jpg",),
)
VIDEO = VideoBench(
    Path("clip.mp4"),
    2,
    "cpu",
    None,
    (
        VideoRun("every frame", 100, 61.25, 300.0, 30.0, {"detect": 0.5}),
        VideoRun("detect every 2nd frame", 100, 90.0, 310.0, 20.0, {"detect": 0.25}, 0.01, 0.0, 0.02, 0.97),
    ),
)

MODELS = ModelsBench(
    2,
    64.4,
    (ModelRow("btn-compact", "ONNX Runtime", "int8", "cpu", 16, 2.9, 0.797, 8.0, (7.5, 9.0), 2.25, 210.0, 0.31),),
)


def test_bench_models__shows_the_requested_formats_in_one_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    calls = []
    monkeypatch.setattr("fercli.bench.models.bench_models", lambda *a, **k: (calls.append((a, k)), MODELS)[1])
    assert main(["bench", "models", "--faces", "crops", "--batch", "4", "--quiet"]) == 0
    ((names,), options) = calls[0]
    assert names == ["fer-compact", "btn-base"]
    assert (options["precisions"], list(options["batches"])) == (None, [4])
    shown = capsys.readouterr().out
    for word in ("int8", "79.7 %", "125.0", "2.25", "31 %", "64 GFLOP/s", "device", "cpu", "accuracy"):
        assert word in shown
    assert main(["bench", "models", "btn-tiny", "--precision", "fp16", "--json"]) == 0
    assert list(calls[1][1]["precisions"]) == ["fp16"]
    assert json.loads(capsys.readouterr().out)["rows"][0]["share"] == 0.31


def test_bench_faces__shows_every_detector(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("fercli.bench.faces.bench_faces", lambda *_, **__: FACES)
    assert main(["bench", "faces", "photos"]) == 0
    shown = capsys.readouterr().out
    assert "4.00" in shown
    assert "2000 ms" in shown
    assert "find different faces: a/b.jpg" in shown
    assert main(["bench", "faces", "photos", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["peak_mb"] == 100.0


def test_bench_video__shows_every_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("fercli.bench.video.bench_video", lambda *_, **__: VIDEO)
    assert main(["bench", "video", "clip.mp4"]) == 0
    shown = capsys.readouterr().out
    assert "61.2" in shown
    assert "97.0 %" in shown
    assert "every frame: milliseconds per frame: detect 5.0" in shown
    assert main(["bench", "video", "clip.mp4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][1]["same_label"] == 0.97


def test_bench_start__shows_the_start_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    result = StartBench(Path("a.jpg"), None, (1.5, 1.25, 1.75), None)
    monkeypatch.setattr("fercli.bench.start.bench_start", lambda *_, **__: result)
    assert main(["bench", "start", "a.jpg"]) == 0
    assert "1.50 s" in capsys.readouterr().out
    assert main(["bench", "start", "a.jpg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == [1.5, 1.25, 1.75]
