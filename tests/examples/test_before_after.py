"""The example that shows a baseline before and after."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from fercli.results import Face, Prediction
from fercli.rows.formats import open_table

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "before_after.py"
CLASSES = ("neutral", "sadness")


def table(path: Path, sad: float) -> Path:
    """A second of a face, the last fifth of it uncertain."""
    face = Face((0, 0, 50, 50), 0.99, None)
    label = "sadness" if sad > 0.5 else "neutral"
    row = Prediction("in/a.mp4", "ok", 0, 0.0, 0, face, label, {"neutral": 1 - sad, "sadness": sad}, track=1)
    with open_table(path, CLASSES) as file:
        for frame in range(10):
            status = "ok" if frame < 8 else "uncertain"
            file.add([replace(row, frame=frame, time_s=frame / 10, status=status)])
    return path


def test_before_after__has_shares_and_a_figure(tmp_path: Path):
    example = runpy.run_path(str(EXAMPLE))
    people = [example["person_of"](table(tmp_path / f"{sad}.csv", sad), "a.mp4", 1) for sad in (0.9, 0.2)]
    lines = list(example["rows"](*(example["shares"](*person) for person in people)))
    assert lines[2:] == ["| neutral | 0.0 | 80.0 |", "| sadness | 80.0 | 0.0 |", "| uncertain | 20.0 | 20.0 |"]
    example["draw"](tmp_path / "a.png", [("before", *people[0]), ("after", *people[1])])
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
