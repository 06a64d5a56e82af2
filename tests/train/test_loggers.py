"""Loggers of other projects get every metric once, under the run's name, and continue with a run that is resumed."""

from __future__ import annotations

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from fercli.errors import UsageError
from fercli.progress import StepProgress
from fercli.train.loggers import check_loggers, logger_names, open_writers
from fercli.train.run_log import RunLog
from fercli.weights.run_folder import RunFolder

STEP = StepProgress(2, 3, 1, 4, loss=0.5, accuracy=0.5, images_per_s=8.0, seconds_left=1.0, lr=0.1, device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "rafdb-btn").mkdir()
    run = RunFolder(tmp_path / "rafdb-btn")
    run.config.write_text(json.dumps({"dataset": "rafdb", "train": {"lr": 0.1}}))
    return run


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    for member, value in members.items():
        setattr(module, member, value)
    monkeypatch.setitem(sys.modules, name, module)


def test_wandb__gets_the_steps_of_a_run_under_their_numbers(folder: RunFolder, monkeypatch: pytest.MonkeyPatch):
    opened: list[dict[str, Any]] = []
    logged: list[dict[str, float]] = []
    metrics: dict[str, str] = {}
    run = SimpleNamespace(
        log=logged.append,
        define_metric=lambda name, step_metric: metrics.update({name: step_metric}),
        finish=lambda: logged.append({"finished": 1}),
    )
    stand_in(monkeypatch, "wandb", init=lambda **options: opened.append(options) or run)
    for _ in range(2):  # the second time as a resumed run
        log = RunLog(folder, open_writers(["wandb"], folder, finished_steps=4))
        log.step(STEP, 0.1)
        log.writers[0].close()
    assert metrics == {"step/*": "step/number", "epoch/*": "epoch/number"}
    assert {"step/loss": 0.5, "step/number": 5} in logged  # the first step of the second epoch of 4 steps
    assert logged[-1] == {"finished": 1}
    assert opened[0] == opened[1]  # the id too
    assert (opened[0]["name"], opened[0]["config"]["train"]) == ("rafdb-btn", {"lr": 0.1})


def test_mlflow__gets_the_steps_of_a_run_under_their_numbers(folder: RunFolder, monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[Any, ...]] = []

    class Client:
        def create_run(self, experiment: str, *, run_name: str) -> Any:
            calls.append(("create", experiment, run_name))
            return SimpleNamespace(info=SimpleNamespace(run_id="abc"))

        def log_dict(self, run: str, values: dict[str, Any], file: str) -> None:
            calls.append(("config", run, values["dataset"], file))

        def log_metric(self, run: str, key: str, value: float, *, step: int) -> None:
            calls.append((run, key, value, step))

        def update_run(self, run: str, *, status: str) -> None:
            calls.append((run, status))

        def set_terminated(self, run: str) -> None:
            calls.append((run, "end"))

    experiment = SimpleNamespace(experiment_id="7")
    stand_in(monkeypatch, "mlflow", MlflowClient=Client, set_experiment=lambda name: experiment)
    for _ in range(2):
        log = RunLog(folder, open_writers(["mlflow"], folder, finished_steps=4))
        log.step(STEP, 0.1)
        log.writers[0].close()
    assert calls[:3] == [("create", "7", "rafdb-btn"), ("config", "abc", "rafdb", "config.json"), ("abc", "RUNNING")]
    assert [call[0] for call in calls].count("create") == 1
    assert calls.count(("abc", "step/loss", 0.5, 5)) == 2
    assert calls[-1] == ("abc", "end")


def test_logger_names__are_known_and_each_is_opened_once():
    assert logger_names(["wandb", "tensorboard", "wandb"]) == ("tensorboard", "wandb")
    with pytest.raises(UsageError, match="unknown logger 'wand'") as caught:
        logger_names(["wand"])
    assert caught.value.fix == "--logger tensorboard, wandb, mlflow"


@pytest.mark.parametrize(("name", "extra"), [("wandb", "fercli[wandb]"), ("mlflow", "fercli[mlflow]")])
def test_logger__that_is_not_installed_is_a_usage_mistake(name: Any, extra: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=f"--logger {name} needs the .* package, which is not installed") as caught:
        check_loggers([name])
    assert extra in (caught.value.fix or "")


@pytest.mark.slow
def test_mlflow__itself_keeps_the_metrics(folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    log = RunLog(folder, open_writers(["mlflow"], folder, finished_steps=4))
    log.step(STEP, 0.1)
    log.writers[0].close()
    (run,) = mlflow.search_runs(experiment_names=["fer"], output_format="list")
    assert run.data.metrics["step/loss"] == 0.5


@pytest.mark.slow
def test_wandb__itself_keeps_the_metrics(folder: RunFolder, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    log = RunLog(folder, open_writers(["wandb"], folder, finished_steps=4))
    log.step(STEP, 0.1)
    log.writers[0].close()
    assert list(folder.events.glob("wandb/offline-run-*/*.wandb"))
