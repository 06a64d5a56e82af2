"""The measurement of the threshold that joins tracks."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "joined_tracks.py"


@pytest.fixture
def example() -> dict:
    return runpy.run_path(str(EXAMPLE))


def _head(value: float) -> np.ndarray:
    return np.full(768, value, np.float32)


def test_photo_distances__are_those_of_all_pairs(example: dict):
    same, others = example["photo_distances"]({"anna": [_head(100), _head(105)], "bert": [_head(107)]})
    assert (same, sorted(others)) == ([5.0], [2.0, 7.0])
    lines = example["lines"](same, others)
    assert lines[0] == "| threshold | same person (1 pairs) | different people (2 pairs) |"
    assert "| 5 | 100.0 % | 50.00 % |" in lines
    assert "| 4 | 0.0 % | 50.00 % |" in lines


def test_clip_distances__compare_after_a_cut_with_the_heads_before(example: dict):
    # 1 turns darker by 8 after 1.2 s; 2 is in view with 1, and 3 later alone
    one = [(time_s, 60.0, _head(100 if time_s < 1.2 else 92)) for time_s in np.arange(0, 3, 0.1).round(1)]
    two = [(0.0, 60.0, _head(120))]
    three = [(9.0, 60.0, _head(50))]
    same, others = example["clip_distances"]({1: one, 2: two, 3: three})
    assert same == [8.0, 8.0]  # a cut at 1 s, after gaps of half a second and a second
    assert sorted(others) == [20.0, 20.0]  # 1 and 2, each as the one that returns
