"""Exact resume, the hard way: real processes that get SIGKILL at drawn moments, alone and as a pair under torchrun's variables.

FER_KILLS is the number of kills of single processes (default: 8), drawn with a fixed seed.
Run as a script this file is the driver: it loads torch once and forks the runs, which a test process should not.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest
import torch

from fercli.config.presets import MODELS, RECIPES
from fercli.config.settings import override
from fercli.config.training import LossConfig, SamConfig
from fercli.data.open import open_dataset
from fercli.media.images import write_image
from fercli.progress import StepProgress, TrainEvent
from fercli.train.options import TrainOptions
from fercli.train.train import train
from fercli.weights.checkpoint import load_checkpoint
from fercli.weights.files import load_weights
from fercli.weights.run_folder import RunConfig

KILLS = int(os.environ.get("FER_KILLS", "8"))
SEED = 24
# everything that has a state: moments, averages, balanced draws, drop path, a learning rate that changes, three protocols
RECIPE = replace(
    RECIPES["compact"],
    epochs=3,
    batch_size=4,
    drop_last=False,
    sampler="balanced",
    ema=0.9,
    validation=0.25,
    test_best=True,
    loss=LossConfig(soft_targets=False),
    sam=SamConfig(rho=0.05),
)
MODEL = override(MODELS["btn-tiny"], ["cross.drop_path=0.1,0.1,0.1", "mla.drop_path=0.2,0.2"])
CONFIG = RunConfig(dataset="faces", data=None, model=MODEL, train=RECIPE, init=())
TIMES = {"seconds", "images_per_s", "data_wait", "memory_gib"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "faces"
    draw = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 4)):
        for name, low in (("happiness", 0), ("sadness", 60), ("anger", 120)):
            for number in range(count - low // 40):
                picture = draw.integers(low, low + 130, (48, 48, 3), dtype=np.uint8)
                write_image(root / split / name / f"{number}.png", picture)
    return root


def drive(*arguments: object) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout


def assert_same_run(one: Path, other: Path) -> None:
    """Every number that a run leaves is the same, to the bit; only times and memory may differ."""
    first, second = (load_checkpoint(run / "checkpoint.pt") for run in (one, other))
    for part in ("model", "ema"):
        tensors = [state[part] for state in (first, second)]
        assert all(torch.equal(tensors[1][name], value) for name, value in tensors[0].items()), part
    moments = [state["optimizer"]["state"] for state in (first, second)]
    assert moments[0].keys() == moments[1].keys()
    assert all(
        torch.equal(moments[1][key][name], value) for key in moments[0] for name, value in moments[0][key].items()
    )
    assert first["state"]["best"] == second["state"]["best"]
    for name in ("last", "best", "test-best"):
        states = [load_weights(run / f"{name}.safetensors") for run in (one, other)]
        assert all(torch.equal(states[1][0][key], value) for key, value in states[0][0].items()), name
        assert states[0][1].temperature == states[1][1].temperature
    predictions = sorted(path.name for path in (one / "predictions").iterdir())
    assert len(predictions) == 6
    assert all((one / "predictions" / n).read_bytes() == (other / "predictions" / n).read_bytes() for n in predictions)
    assert timeless(one) == timeless(other)
    results = [json.loads((run / "result.json").read_text()) for run in (one, other)]
    assert results[0]["scores"] == results[1]["scores"]
    assert not list(other.glob("**/.*part*")), "half-written files are left behind"


def timeless(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return [{name: value for name, value in row.items() if name not in TIMES} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_train__killed_at_drawn_moments_ends_with_the_bits_of_a_run_that_never_stopped(faces: Path, tmp_path: Path):
    runs = int(drive("killed", faces, tmp_path))
    for number in range(runs):
        assert_same_run(tmp_path / "whole", tmp_path / f"killed{number}")


@pytest.mark.slow
def test_train__of_two_processes_killed_and_resumed_ends_with_the_same_bits(faces: Path, tmp_path: Path):
    drive("pair", faces, tmp_path)
    assert_same_run(tmp_path / "whole", tmp_path / "killed")
    assert json.loads((tmp_path / "whole" / "config.json").read_text())["processes"] == 2


@pytest.mark.slow
def test_fer_train__under_torchrun_is_one_run_that_the_first_process_reports(faces: Path, tmp_path: Path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "fercli"]
    arguments = [
        "train",
        faces,
        "--model",
        "btn-tiny",
        "--from-scratch",
        "--device",
        "cpu",
        "--out",
        tmp_path / "run",
        "--json",
    ]
    settings = ["epochs=1", "batch_size=8", "validation=0.25", "loss.soft_targets=false", "sync_bn=true"]
    arguments += [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run([*command, *map(str, arguments)], check=True, capture_output=True, text=True)
    [line] = done.stdout.splitlines()
    assert json.loads(line)["training"]["epochs"] == 1
    assert done.stderr.count("epoch 1: loss") == 1
    assert json.loads((tmp_path / "run" / "config.json").read_text())["processes"] == 2


def run(faces: Path, out: Path, *, kill_at: int | None = None, later: float = 0.0) -> None:
    """Begin or go on with a run that saves after every step; optionally die by SIGKILL `later` seconds after that many steps."""
    seen: list[Any] = []

    def die_if_due() -> None:
        if len(seen) == kill_at:
            Timer(later, os.kill, (os.getpid(), signal.SIGKILL)).start()
            time.sleep(0 if later else 60)

    def report(event: TrainEvent) -> None:
        if isinstance(event, StepProgress):
            seen.append(event)
            die_if_due()

    die_if_due()
    resume = (out / "config.json").is_file()
    dataset = open_dataset(str(faces))
    train(dataset, out, config=CONFIG, options=TrainOptions(device="cpu", resume=resume, save_every_s=0), report=report)


def killed(faces: Path, folder: Path) -> int:
    """Run once in peace, then runs that are killed until KILLS kills are used up and the last one is done; how many runs.

    Moments are counted from a step, not in parts of the peaceful run's time: a machine that gets faster is done too early.
    """
    forks, moments = multiprocessing.get_context("fork"), random.Random(SEED)

    def start(name: str, **end: Any) -> int | None:
        process = forks.Process(target=run, args=(faces, folder / name), kwargs=end)
        process.start()
        process.join()
        if process.exitcode not in {0, -signal.SIGKILL}:
            sys.exit(f"a run failed with {process.exitcode}")
        return process.exitcode

    start("whole")
    kills = runs = 0
    while kills < KILLS:
        if start(f"killed{runs}", kill_at=moments.randint(0, 3), later=moments.uniform(0, 0.1)) == 0:
            runs += 1
        else:
            kills += 1
    start(f"killed{runs}")
    return runs + 1


def pair(faces: Path, folder: Path) -> None:
    """Two processes in peace, then two that die at the fifth step and are started again."""
    for out, kill_at in (("whole", None), ("killed", 5), ("killed", None)):
        together(faces, folder / out, kill_at)


def together(faces: Path, out: Path, kill_at: int | None) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    forks = multiprocessing.get_context("fork")
    group = []
    for rank in range(2):
        os.environ.update(
            RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port
        )
        group.append(forks.Process(target=run, args=(faces, out), kwargs={"kill_at": kill_at if rank == 0 else None}))
        group[-1].start()
    group[0].join()
    if kill_at is not None:
        group[1].kill()
    group[1].join()
    codes = [process.exitcode for process in group]
    if codes != ([0, 0] if kill_at is None else [-signal.SIGKILL, -signal.SIGKILL]):
        sys.exit(f"two processes ended with {codes}")


if __name__ == "__main__":
    what, data, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if what == "pair":
        pair(data, folder)
    else:
        print(killed(data, folder))  # noqa: T201 - the driver's answer
