"""The benchmark of videos: errors of searching fewer frames by hand, and a real clip through every way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.bench import video
from fercli.bench.isolated import Answer
from fercli.errors import DataError
from fercli.media.video_writer import VideoWriter

FACE = [[0.0, 0.0], [10.0, 0.0], [5.0, 5.0], [1.0, 9.0], [9.0, 9.0]]  # eyes ten pixels apart
NEAR = [[x + 1, y] for x, y in FACE]
FAR = [[x + 100, y] for x, y in FACE]


@pytest.fixture
def clip(tmp_path: Path, astronaut: np.ndarray) -> Path:
    """Six frames with the astronaut's face."""
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        for number in range(6):
            writer.write(np.ascontiguousarray(astronaut[20:260, 100 + number : 340 + number]), number / 25)
    return tmp_path / "clip.mp4"


def test_bench_video__compares_with_searching_every_frame(monkeypatch: pytest.MonkeyPatch, clip: Path):
    every = [[(FACE, "fear"), (FAR, "anger")], [(FACE, "fear")]]
    fewer = [[(NEAR, "fear")], [(NEAR, "anger"), (FAR, "fear")]]  # one missed, one added, one of two named otherwise

    def told(_: str, task: Mapping[str, Any]) -> Answer:
        faces = fewer if "detect_every" in task else every
        return Answer(
            {"frames": 2, "seconds": 0.5, "processor_s": 0.8, "stages_s": {"detect": 0.25}, "faces": faces}, 200.0
        )

    monkeypatch.setattr("fercli.bench.video.run_isolated", told)
    result = video.bench_video(clip, rounds=1)
    whole, *_, tenth = result.ways
    assert (whole.frames_per_s, whole.peak_mb, whole.faces_missed) == (4.0, 200.0, None)
    assert whole.processor_ms == 400.0
    assert tenth.faces_missed == tenth.faces_added == pytest.approx(1 / 3)
    assert (tenth.points_error, tenth.same_label) == (pytest.approx(0.1), 0.5)


def test_bench_video__wants_a_video(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        video.bench_video(tmp_path / "nope.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("way", video._WAYS)
def test_measure__reads_a_clip_in_every_way(way: str, clip: Path):
    task = {"weights": None, "min_face_px": None, **video._WAYS[way]}
    result = video.measure(side=way, video=str(clip), **task)
    assert result["frames"] == (30 if "five" in way else 6)
    assert {"decode", "detect", "classify"} <= set(result["stages_s"])
    assert ("write" in result["stages_s"]) == ("written" in way)
    assert [len(frame) for frame in result["faces"]] == ([] if "five" in way else [1] * 6)
