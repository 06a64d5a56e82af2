"""Kills of predict and align at drawn moments, with a fixed seed: resumed, they end with the outputs of an unbroken run.

FER_KILLS is the number of kills of each command (default: 6). `fer train` has its own test: tests/train/test_killed.py.
Run as a script this file is the driver: it loads the libraries once and forks the commands, which a test process should not.
"""

from __future__ import annotations

import json
import multiprocessing
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

SEED = 24
COMMANDS = {
    "predict": (["--out"], ["--resume"]),
    "align": ([], []),
}


def _fer(arguments: list[str]) -> None:
    from fercli.cli.main import main

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # messages stay on stderr, which the test shows
    os._exit(main(arguments))


def drive(command: str, folder: Path, out: Path, kills: int) -> dict[str, int]:
    """Run once in peace, then killed at drawn moments until it is done; `whole` and `killed` are the output folders."""
    import fercli.cli.predict_outputs
    import fercli.predict.predict
    import fercli.weights.classifier  # noqa: F401 - loaded once, before the forks

    forks, draw = multiprocessing.get_context("fork"), random.Random(f"{SEED} {command}")
    before, again = COMMANDS[command]
    counts = {"killed": 0, "finished": 0}

    def start(target: Path, more: list[str]) -> multiprocessing.process.BaseProcess:
        process = forks.Process(target=_fer, args=([command, str(folder), *before, str(target), *more, "--quiet"],))
        process.start()
        return process

    started = time.monotonic()
    process = start(out / "whole", [])
    process.join()
    whole_s = time.monotonic() - started
    if process.exitcode != 0:
        sys.exit(f"the unbroken run ended with {process.exitcode}")
    while True:
        target, started = out / f"killed{counts['finished']}", time.monotonic()
        process = start(target, again if target.exists() else [])
        process.join(draw.uniform(0, whole_s) if counts["killed"] < kills else None)
        if process.exitcode is None:
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            counts["killed"] += 1
        elif process.exitcode == 0:
            whole_s = min(whole_s, time.monotonic() - started)  # a machine that got faster is done too early
            counts["finished"] += 1
            if counts["killed"] == kills:
                return counts
        else:
            sys.exit(f"a run ended with {process.exitcode}")


def _outputs(folder: Path) -> dict[str, bytes]:
    """The files by name, without what differs from run to run: times, temporary names and the folder's own name."""
    changing = (b".settings.json", b".job.jsonl", b".lock")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.encode().endswith(changing):
            content = path.read_bytes()
            if path.suffix == ".html":
                content = re.sub(rb"fer [\d.]+, \d{4}-[^<]+", b"", content)
                content = content.replace(f"Aligned faces: {folder.name}".encode(), b"")
            found[path.relative_to(folder).as_posix()] = content
    return found


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="forks")
@pytest.mark.parametrize("command", COMMANDS)
def test_command__killed_at_drawn_moments__ends_with_the_outputs_of_an_unbroken_run(
    command: str, astronaut: np.ndarray, tmp_path: Path
):
    from fercli.media.images import write_image
    from fercli.media.video_writer import VideoWriter

    for number in range(12):
        write_image(tmp_path / "in" / f"{number:02}.png", np.roll(astronaut, number, 1))
    if command == "predict":
        for name in "ab":
            with VideoWriter(tmp_path / "in" / f"{name}.mp4") as writer:
                for number in range(15):
                    writer.write(np.roll(astronaut, number, 1), number / 10)
    kills = int(os.environ.get("FER_KILLS", "6"))
    drive_it = [sys.executable, __file__, command, str(tmp_path / "in"), str(tmp_path / "out"), str(kills)]
    done = subprocess.run(
        drive_it, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["killed"] == kills
    expected = _outputs(tmp_path / "out" / "whole")
    assert expected
    for folder in (tmp_path / "out").glob("killed*"):
        made = _outputs(folder)
        assert made.keys() == expected.keys(), folder
        assert {name for name in made if made[name] != expected[name]} == set(), folder


if __name__ == "__main__":
    print(json.dumps(drive(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))))  # noqa: T201
