"""metrics.csv and TensorBoard events of runs that were interrupted."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.config.training import SamConfig, TrainConfig
from fercli.data.dataset import Dataset
from fercli.errors import RefusedError, UsageError
from fercli.progress import EpochReport, TrainEvent
from fercli.train.loggers import EventWriter
from fercli.train.options import TrainOptions
from fercli.train.run_log import RunLog
from fercli.train.train import train
from fercli.weights.run_folder import RunConfig, RunFolder

CPU = TrainOptions(device="cpu")
ConfigOf = Callable[..., RunConfig]
StopAfter = Callable[[int], Callable[[TrainEvent], None]]


@pytest.mark.slow
def test_train__killed_after_its_last_checkpoint_keeps_every_row(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = replace(recipe, sam=SamConfig(rho=0.0))

    def killed(self: RunLog, row: EpochReport, rows: object, *, real: Callable[..., None] = RunLog.epoch) -> None:
        if row.epoch == 2:
            raise KeyboardInterrupt
        real(self, row, rows)

    monkeypatch.setattr(RunLog, "epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(faces, tmp_path / "run", config=config_of(recipe), options=CPU)
    train(faces, tmp_path / "run", config=config_of(recipe), options=replace(CPU, resume=True))
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


@pytest.mark.slow
def test_train__resumed_has_every_step_once_in_its_events(
    config_of: ConfigOf, recipe: TrainConfig, stop_after: StopAfter, faces: Dataset, tmp_path: Path
):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recipe = replace(recipe, batch_size=2, sam=SamConfig(rho=0.0))  # 8 images: 4 steps an epoch
    with pytest.raises(KeyboardInterrupt):
        train(
            faces,
            tmp_path / "run",
            config=config_of(recipe),
            options=replace(CPU, loggers=("tensorboard",), save_every_s=0),
            report=stop_after(6),
        )
    train(
        faces, tmp_path / "run", config=config_of(recipe), options=replace(CPU, loggers=("tensorboard",), resume=True)
    )
    events = EventAccumulator(str(tmp_path / "run" / "events"))
    events.Reload()
    assert [event.step for event in events.Scalars("step/loss")] == list(range(1, 9))
    assert [event.step for event in events.Scalars("epoch/loss")] == [1, 2]


class FullDiskWriter:
    """An event writer whose disk is full."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> None:
        raise OSError(28, "No space left on device")

    def flush(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("full_at", ["opening", "a step"])
def test_train__a_disk_too_full_for_tensorboard_is_reported(
    config_of: ConfigOf, faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str
):
    def open_full(names: object, folder: RunFolder, *, finished_steps: int) -> list[EventWriter]:
        if full_at == "opening":
            raise OSError(28, "No space left on device")
        return [FullDiskWriter()]

    monkeypatch.setattr("fercli.train.train.check_loggers", lambda names: None)
    monkeypatch.setattr("fercli.train.train.open_writers", open_full)
    with pytest.raises(RefusedError, match=r"disk of .* is full"):
        train(faces, tmp_path / "run", config=config_of(), options=replace(CPU, loggers=("tensorboard",)))


def test_train__tensorboard_that_is_not_installed_is_a_usage_mistake(
    config_of: ConfigOf, faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="not installed") as caught:
        train(faces, tmp_path / "run", config=config_of(), options=replace(CPU, loggers=("tensorboard",)))
    assert "fercli[tensorboard]" in caught.value.fix
    assert not (tmp_path / "run").exists()
