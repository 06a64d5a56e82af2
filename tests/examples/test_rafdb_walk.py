"""The researcher's path on made-up data runs from the first command to the paper's tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "rafdb_walk.py"


@pytest.mark.slow
def test_rafdb_walk__ends_with_the_tables_of_the_paper(tmp_path: Path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert "error: train: 28 images, published are 12,271" in out + done.stderr  # the expected exit code 3
    assert "recipe rafdb (the data set is recognised as rafdb)" in done.stderr
    table1, table4 = (out.partition(f"$ fer report {name}")[2].partition("\n$ fer")[0] for name in ("table1", "table4"))
    measured = next(line for line in table1.splitlines() if "| measured |" in line)
    assert measured.startswith("| rafdb-btn-tiny |")
    assert "28 of 3,068 images" in measured
    assert "not comparable with the published rows" in done.stderr
    assert "| BTN |  | 2024 | 92.54 | reported |" in table1
    assert "| rafdb | rafdb-btn-tiny |" in table4
    table5 = (tmp_path / "runs/table5/table5.md").read_text()
    assert "| components | rafdb, reported | rafdb, measured, 1 run |" in table5
    assert "| MLA + BT | 92.54 |" in table5
