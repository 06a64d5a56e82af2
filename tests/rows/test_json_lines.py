"""Tables as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path


def test_json_lines__are_those_of_the_json_option(classified, without_face, write, tmp_path: Path):
    lines = [
        json.loads(line) for line in write(tmp_path / "a.jsonl", classified, without_face).read_text().splitlines()
    ]
    assert lines[0]["probabilities"] == {"neutral": 0.45, "happiness": 0.55}
    assert lines[0]["box_xyxy"] == [10, 20.5, 50, 60]
    assert lines[0]["landmarks"][2] == [30, 35]
    assert (lines[0]["smoothing_s"], lines[0]["detected"], lines[1]["probabilities"]) == (0.5, False, None)
