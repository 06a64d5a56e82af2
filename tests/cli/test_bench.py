"""fer bench from the command line: tables for people, JSON for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fercli.bench.faces import FacesBench, Side
from fercli.bench.models import ModelsBench, Row
from fercli.bench.start import StartBench
from fercli.bench.video import VideoBench, Way
from fercli.cli.main import main

FACES = FacesBench(
    images=2,
    threads=2,
    sides=(Side("fer", 3, (4.0, 3.5, 4.5), 100.0, 250.0), Side("facenet-pytorch", 3, (1.0, 0.9, 1.1), None, 2000.0)),
    worst_iou=0.991,
    worst_px=0.25,
    different=("a/b.jpg",),
)
VIDEO = VideoBench(
    Path("clip.mp4"),
    2,
    None,
    (
        Way("every frame", 100, 61.25, 300.0, 30.0, {"detect": 0.5}),
        Way("search every 2nd frame", 100, 90.0, 310.0, 20.0, {"detect": 0.25}, 0.01, 0.0, 0.02, 0.97),
    ),
)

MODELS = ModelsBench(
    2,
    64.4,
    (Row("btn-compact", "ONNX Runtime", "int8", "cpu", 16, 2.9, 0.797, 8.0, (7.5, 9.0), 2.25, 210.0, 0.31),),
)


def test_bench_models__shows_what_was_asked_for_in_one_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    asked = []
    monkeypatch.setattr("fercli.bench.models.bench_models", lambda *a, **k: (asked.append((a, k)), MODELS)[1])
    assert main(["bench", "models", "--faces", "crops", "--batch", "4", "--quiet"]) == 0
    ((names,), options) = asked[0]
    assert names == ["fer-compact", "btn-base"]
    assert (options["precisions"], list(options["batches"])) == (None, [4])
    shown = capsys.readouterr().out
    for word in ("int8", "79.7%", "125.0", "2.25", "31%", "64 GFLOP/s", "device", "cpu", "accuracy"):
        assert word in shown
    assert main(["bench", "models", "btn-tiny", "--precision", "fp16", "--json"]) == 0
    assert list(asked[1][1]["precisions"]) == ["fp16"]
    assert json.loads(capsys.readouterr().out)["rows"][0]["share"] == 0.31


def test_bench_faces__shows_both_sides(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("fercli.bench.faces.bench_faces", lambda *_, **__: FACES)
    assert main(["bench", "faces", "photos"]) == 0
    shown = capsys.readouterr().out
    assert "4.00 times as fast" in shown
    assert "2000 ms" in shown
    assert "different faces: a/b.jpg" in shown
    assert main(["bench", "faces", "photos", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sides"][0]["peak_mb"] == 100.0


def test_bench_video__shows_every_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("fercli.bench.video.bench_video", lambda *_, **__: VIDEO)
    assert main(["bench", "video", "clip.mp4"]) == 0
    shown = capsys.readouterr().out
    assert "61.2" in shown
    assert "97.0%" in shown
    assert "every frame: milliseconds a frame: detect 5.0" in shown
    assert main(["bench", "video", "clip.mp4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ways"][1]["same_label"] == 0.97


def test_bench_start__shows_how_long_a_start_takes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    result = StartBench(Path("a.jpg"), None, (1.5, 1.25, 1.75), None)
    monkeypatch.setattr("fercli.bench.start.bench_start", lambda *_, **__: result)
    assert main(["bench", "start", "a.jpg"]) == 0
    assert "1.50 s" in capsys.readouterr().out
    assert main(["bench", "start", "a.jpg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == [1.5, 1.25, 1.75]
