"""Ctrl-C at drawn moments, from the first import on: exit code 130 and one line; the next run ends with the same outputs.

FER_INTERRUPTS is the number of interruptions of each command (default: 2), drawn with a fixed seed.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from fercli.media.images import write_image
from fercli.weights.files import load_weights

SEED = 24
INTERRUPTS = int(os.environ.get("FER_INTERRUPTS", "2"))
# Ctrl-C is ignored in background jobs of a shell; "loaded" says that the program has begun to load
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from fercli import entry
entry._open_standard_streams = lambda: print("loaded", flush=True)
entry.run()
"""
TRAIN = ["--model", "btn-tiny", "--from-scratch", "--device", "cpu", "--set", "epochs=2", "--set", "batch_size=4"]
TRAIN += ["--set", "loss.soft_targets=false", "--workers", "0", "--out"]
COMMANDS = {"predict": (["--out"], ["--resume"]), "align": ([], []), "train": (TRAIN, ["--resume"])}


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", START, *arguments, "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "loaded\n"
    return process


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("command", COMMANDS)
def test_command__interrupted_at_drawn_moments__says_so_and_goes_on_to_the_same_outputs(
    command: str, astronaut: np.ndarray, tmp_path: Path
):
    inputs = tmp_path / "in"
    names = [f"{number}.png" for number in range(6)]
    if command == "train":
        names = [
            f"{split}/{label}/{number}.png" for split in ("train", "test") for label in "ab" for number in range(4)
        ]
        names = [name.replace("/a/", "/happiness/").replace("/b/", "/sadness/") for name in names]
    for number, name in enumerate(names):
        write_image(inputs / name, np.roll(astronaut, number, 1))
    before, again = COMMANDS[command]

    def line(target: Path) -> list[str]:
        # who was interrupted before the first line was written begins again
        begun = again if (target / "config.json").exists() or (target / ".job.jsonl").exists() else []
        return [command, str(inputs), *before, str(target), *begun]

    started = time.monotonic()
    whole = _start(line(tmp_path / "whole"))
    _, messages = whole.communicate(timeout=900)
    whole_s = time.monotonic() - started
    assert whole.returncode == 0, messages
    draw, interrupted, begun = random.Random(f"{SEED} {command}"), 0, 0
    while interrupted < INTERRUPTS:
        process = _start(line(tmp_path / f"broken{begun}"))
        try:
            process.wait(draw.uniform(0, whole_s))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=900)
        assert "Traceback" not in messages
        assert process.returncode in (0, 130), messages
        if process.returncode == 130:
            interrupted += 1
            assert messages.splitlines()[-1] == "interrupted"
        else:
            begun += 1
    last = _start(line(tmp_path / f"broken{begun}"))
    _, messages = last.communicate(timeout=900)
    assert last.returncode == 0, messages
    for number in range(begun + 1):
        assert _differences(tmp_path / "whole", tmp_path / f"broken{number}") == [], number


def _differences(one: Path, other: Path) -> list[str]:
    """Names of the files whose content differs, but for times and the folder's own name."""
    first, second = (
        {path.relative_to(folder).as_posix(): _content(path) for path in folder.rglob("*") if _is_compared(path)}
        for folder in (one, other)
    )
    assert first
    return sorted(name for name in {*first, *second} if not _same(first.get(name), second.get(name)))


def _is_compared(path: Path) -> bool:
    suffixes = {".png", ".csv", ".html", ".safetensors", ".jpg"}
    return path.is_file() and path.suffix in suffixes and path.stem not in ("metrics", "curves")  # times, a title


def _content(path: Path) -> object:
    if path.suffix == ".safetensors":
        return load_weights(path)[0]
    content = path.read_bytes()
    if path.suffix == ".html":
        content = re.sub(rb"fer [\d.]+, \d{4}-[^<]+", b"", content)
        content = re.sub(rb"Aligned faces: \w+", b"", content)
    return content


def _same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    return one == other
