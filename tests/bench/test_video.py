"""The benchmark of videos: differences computed by hand, and a real clip with every setting."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.bench import video
from fercli.bench.isolated import Measurement
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


def test_bench_video__compares_with_detecting_in_every_frame(monkeypatch: pytest.MonkeyPatch, clip: Path):
    every = [[(FACE, "fear"), (FAR, "anger")], [(FACE, "fear")]]
    fewer = [[(NEAR, "fear")], [(NEAR, "anger"), (FAR, "fear")]]  # one missed, one added, one of two with another label

    def measured(_: str, task: Mapping[str, Any]) -> Measurement:
        faces = fewer if "detect_every" in task else every
        return Measurement(
            {
                "frames": 2,
                "seconds": 0.5,
                "processor_s": 0.8,
                "stages_s": {"detect": 0.25},
                "faces": faces,
                "device": "cpu",
            },
            200.0,
        )

    monkeypatch.setattr("fercli.bench.video.run_isolated", measured)
    result = video.bench_video(clip, rounds=1)
    whole, *_, tenth = result.runs
    assert (whole.frames_per_s, whole.peak_mb, whole.faces_missed) == (4.0, 200.0, None)
    assert whole.processor_ms == 400.0
    assert tenth.faces_missed == tenth.faces_added == pytest.approx(1 / 3)
    assert (tenth.landmark_error, tenth.same_label) == (pytest.approx(0.1), 0.5)


def test_bench_video__needs_a_video(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        video.bench_video(tmp_path / "nope.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("name", video.SETTINGS)
def test_measure__reads_a_clip_with_every_setting(name: str, clip: Path):
    task = {"weights": None, "min_face_px": None, **video.SETTINGS[name]}
    result = video.measure_video(name=name, video=str(clip), **task)
    assert result["frames"] == (30 if "five" in name else 6)
    assert {"decode", "detect", "classify"} <= set(result["stages_s"])
    assert ("write" in result["stages_s"]) == ("copy" in name)
    assert [len(frame) for frame in result["faces"]] == ([] if "five" in name else [1] * 6)
