"""The measurement behind the defaults of episodes runs on any table of predictions."""

from __future__ import annotations

import runpy
from pathlib import Path

from fercli.results import Face, Prediction
from fercli.rows.formats import open_table

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "episode_settings.py"


def test_episode_settings__compares_the_halves_of_a_video(tmp_path: Path, capsys):
    rows = []
    for frame in range(60):
        happiness = 0.9 if 20 <= frame < 40 and frame != 30 else 0.1
        values = {"neutral": 1 - happiness, "happiness": happiness}
        label = max(values, key=lambda name: values[name])
        face = Face((0, 0, 50, 50), 0.99, None)
        rows.append(Prediction("a.mp4", "ok", frame, frame / 20, 0, face, label, values, track=1))
    with open_table(tmp_path / "a.csv", ("neutral", "happiness")) as table:
        table.add(rows)
    runpy.run_path(str(EXAMPLE))["main"]([tmp_path / "a.csv"])
    lines = {line[:30].strip(): line[32:].split() for line in capsys.readouterr().out.splitlines()}
    assert lines["labels of frames"][:2] == ["5", "1"]  # the single neutral frame is a run of its own
    assert lines["smooth 0.4 s (default)"][:3] == ["3", "0", "1.00"]
