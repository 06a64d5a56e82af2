"""The tutorials, followed from the first command to the last."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fercli.cli.main import main
from fercli.media.video_writer import VideoWriter

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def command_lines(page: str) -> list[str]:
    return [line for block in blocks(page, "bash") for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def follow(line: str) -> int:
    """Run one command line of a tutorial in the current folder and return its exit code; `fer` in this process."""
    program, *rest = line.split()
    return main(rest) if program == "fer" else subprocess.run([sys.executable, *rest], check=False).returncode


@pytest.fixture
def folder(tmp_path: Path, astronaut: np.ndarray) -> Path:
    """What the tutorials start from: photos/astronaut.jpg, clip.mp4, crop.ppm and the examples of the repository."""
    (tmp_path / "photos").mkdir()
    shutil.copy(PAGES / "images" / "astronaut.jpg", tmp_path / "photos")
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        for frame in range(12):
            writer.write(np.roll(astronaut, 4 * frame, axis=1), frame / 10)
    shutil.copytree(PAGES / "examples", tmp_path / "docs" / "examples")
    shutil.copytree(PAGES / "images", tmp_path / "docs" / "images")
    shutil.copytree(ROOT / "weights" / "detector", tmp_path / "weights" / "detector")
    crop = astronaut[60:170, 170:280][np.linspace(0, 109, 96).astype(int)][:, np.linspace(0, 109, 96).astype(int)]
    (tmp_path / "crop.ppm").write_bytes(b"P6 96 96 255\n" + crop.tobytes())
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", ["tutorial-use.md", "tutorial-deploy.md"])
def test_tutorial__runs_unchanged(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    for line in command_lines(page):
        assert follow(line) == 0, line
    for number, block in enumerate(blocks(page, "python")):
        script = folder / f"block-{number}.py"
        script.write_text(block, encoding="utf-8")
        runpy.run_path(str(script))


@pytest.mark.slow
def test_tutorial_research__runs_on_a_small_data_set(
    official_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    folder = official_tree("ferplus", each=8)
    monkeypatch.chdir(folder)
    checked = "fer data check ferplus data/ferplus"
    for line in command_lines("tutorial-research.md"):
        # 56 images a split are not the published counts, which is what this command is for
        assert follow(line) == (3 if line == checked else 0), line
    assert (folder / "runs" / "mine" / "best.safetensors").is_file()
