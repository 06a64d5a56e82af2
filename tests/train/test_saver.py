"""Checkpoints of other versions, and when a step is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fercli.config.training import SamConfig, TrainConfig
from fercli.data.dataset import Dataset
from fercli.errors import WeightsError
from fercli.progress import TrainEvent
from fercli.train.components import build_components
from fercli.train.options import TrainOptions
from fercli.train.process_group import ProcessGroup
from fercli.train.saver import Saver, read_checkpoint
from fercli.train.stage_meter import StageMeter
from fercli.train.state import TrainingState
from fercli.train.train import train
from fercli.train.training_data import training_data
from fercli.weights.checkpoint import load_checkpoint, save_checkpoint
from fercli.weights.run_folder import RunConfig, RunFolder

CPU = TrainOptions(device="cpu")


def test_train__refuses_to_resume_the_checkpoint_of_an_earlier_version(
    config_of: Callable[..., RunConfig],
    recipe: TrainConfig,
    stop_after: Callable[[int], Callable[[TrainEvent], None]],
    faces: Dataset,
    tmp_path: Path,
):
    config, checkpoint = config_of(replace(recipe, ema=0.0)), tmp_path / "run" / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        train(faces, tmp_path / "run", config=config, options=replace(CPU, save_every_s=0), report=stop_after(2))
    saved = load_checkpoint(checkpoint)
    del saved["format"]  # checkpoints had no number before format 2
    save_checkpoint(checkpoint, saved)
    before = checkpoint.read_bytes()
    with pytest.raises(WeightsError, match="written by another version of fercli") as caught:
        train(faces, tmp_path / "run", config=config, options=replace(CPU, resume=True))
    assert "--init-from" in caught.value.fix
    assert checkpoint.read_bytes() == before


def test_train__saves_inside_an_epoch_only_when_the_interval_is_over(
    config_of: Callable[..., RunConfig],
    recipe: TrainConfig,
    stop_after: Callable[[int], Callable[[TrainEvent], None]],
    faces: Dataset,
    tmp_path: Path,
):
    config = config_of(replace(recipe, batch_size=2, sam=SamConfig(rho=0.0)))  # 8 images: 4 steps an epoch
    for name, interval_s in (("seldom", 3600.0), ("often", 0.0)):
        options = replace(CPU, save_every_s=interval_s)
        with pytest.raises(KeyboardInterrupt):  # while step 3 is reported, before it is saved
            train(faces, tmp_path / name, config=config, options=options, report=stop_after(3))
    assert read_checkpoint(RunFolder(tmp_path / "seldom")) is None
    state = load_checkpoint(tmp_path / "often" / "checkpoint.pt")["state"]
    assert (state["epoch"], state["sums"]["step"]) == (0, 2)


def test_saver__saves_after_an_epoch_unless_that_takes_too_long(
    config_of: Callable[..., RunConfig], faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock, duration_s = [0.0], [0.1]
    monkeypatch.setattr("fercli.train.saver.time.monotonic", lambda: clock[0])

    def save(path: Path, values: object) -> None:
        saved.append(clock[0])
        clock[0] += duration_s[0]

    monkeypatch.setattr("fercli.train.saver.save_checkpoint", save)
    config = config_of()
    components = build_components(
        training_data(faces, config), config, group=ProcessGroup(), device=torch.device("cpu")
    )
    for seconds, expected in ((0.1, [10, 20.1, 30.2, 40.3, 50.4]), (2.0, [10, 52, 94])):  # 2 s: every 40 s
        clock[0], duration_s[0], saved = 0.0, seconds, list[float]()
        meter = StageMeter(torch.device("cpu"), {}, {})
        saver = Saver(components, TrainingState([1]), RunFolder(tmp_path), meter=meter, interval_s=240)
        while len(saved) < len(expected):
            clock[0] += 10
            saver.save_after_epoch(last=False)
        assert saved == pytest.approx(expected)
    saver.save_after_epoch(last=True)
    assert len(saved) == 4
