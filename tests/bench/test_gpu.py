"""The check of a GPU, on the CPU with small sizes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fercli.bench import gpu
from fercli.media.video_writer import VideoWriter


@pytest.fixture
def clip(tmp_path: Path, astronaut: np.ndarray) -> Path:
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        for number in range(4):
            writer.write(np.ascontiguousarray(astronaut[20:260, 100 + number : 340 + number]), number / 25)
    return tmp_path / "clip.mp4"


@pytest.mark.slow
def test_check_gpu__every_step_has_a_result_on_the_cpu(clip: Path):
    results = gpu.check_gpu("cpu", videos=[clip])
    assert [name for name, result in results.items() if "error" in result or "skipped" in result] == []
    assert list(results) == [
        *("environment", "attention kernels", "batch invariance", "input shapes"),
        *("SAM step, off, batch 2", "SAM step, bf16, batch 2", "clip.mp4, cpu"),
    ]
    assert results["environment"]["device"] == "cpu"
    assert set(results["attention kernels"]) == {
        f"{heads}, torch.{dtype}" for heads in ("1 head", "2 heads") for dtype in ("float32", "bfloat16")
    }
    assert results["batch invariance"]["tf32 off"]["2"] < 1e-3 < results["batch invariance"]["spread of the logits"]
    assert results["SAM step, off, batch 2"]["images_per_s"] > 0
    assert results["clip.mp4, cpu"]["frames"] == 4
    json.dumps(results)


def test_check_gpu__a_step_that_fails_is_recorded_and_the_others_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpu, "_attention_kernels", lambda target: 1 / 0)
    for name in ("_batch_invariance", "_input_shapes", "_sam_step"):
        monkeypatch.setattr(gpu, name, lambda *args: {"done": True})
    results = gpu.check_gpu("cpu")
    assert results["attention kernels"]["error"] == "ZeroDivisionError: division by zero"
    assert results["SAM step, off, batch 2"] == {"done": True}


def test_check_gpu__stops_when_the_budget_is_used(monkeypatch: pytest.MonkeyPatch):
    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(gpu.time, "monotonic", lambda: next(clock))
    for name in ("_environment", "_attention_kernels", "_batch_invariance", "_input_shapes", "_sam_step"):
        monkeypatch.setattr(gpu, name, lambda *args: {"done": True})
    results = gpu.check_gpu("cpu", budget_s=250)
    assert [list(result) for result in results.values()] == [["done"]] * 2 + [["skipped"]] * 4
