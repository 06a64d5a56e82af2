"""Metric loggers of other projects for the steps and epochs of a run: TensorBoard, Weights & Biases, MLflow.

Each is imported only when it is asked for. All but TensorBoard's send the metrics and the configuration of the run, and nothing
else, to where the user has configured them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, get_args

from fercli.config.defaults import LoggerName
from fercli.errors import UsageError
from fercli.system.packages import OPTIONAL, install_command, is_installed
from fercli.weights.run_folder import RunFolder

PROJECT = "fer"  # of Weights & Biases, and the experiment of MLflow, unless their own variables name another


class EventWriter(Protocol):
    """What RunLog needs of a logger; the methods of torch.utils.tensorboard.SummaryWriter."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


def logger_names(texts: Sequence[str]) -> tuple[LoggerName, ...]:
    """Return the loggers of these names, each once. Raises: UsageError for an unknown name."""
    for text in texts:
        if text not in get_args(LoggerName):
            raise UsageError(f"unknown logger {text!r}", fix=f"--logger {', '.join(get_args(LoggerName))}")
    return tuple(name for name in get_args(LoggerName) if name in texts)


def check_loggers(names: Sequence[LoggerName]) -> None:
    """Raise UsageError if the package of one of these loggers is not installed."""
    for name in names:
        if not is_installed(name):
            package = OPTIONAL[name]
            raise UsageError(
                f"--logger {name} needs the {package.distribution} package, which is not installed",
                fix=install_command(package.extra),
            )


def open_writers(names: Sequence[LoggerName], folder: RunFolder, *, finished_steps: int) -> list[EventWriter]:
    """Open the loggers for a run of which that many steps are done; a run that is resumed continues in its own log.

    Raises: UsageError if a package is not installed.
    """
    check_loggers(names)
    return [_OPEN[name](folder, finished_steps) for name in names]


def _tensorboard(folder: RunFolder, finished_steps: int) -> EventWriter:
    from torch.utils.tensorboard import SummaryWriter

    writer: EventWriter = SummaryWriter(str(folder.events), purge_step=finished_steps + 1)
    return writer


class WandbWriter:
    """Logs to a run of Weights & Biases, whose name is that of the run folder."""

    def __init__(self, folder: RunFolder, _finished_steps: int) -> None:
        import wandb

        folder.events.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=PROJECT,
            name=folder.path.resolve().name,
            id=_run_id(folder, "wandb", lambda: uuid.uuid4().hex[:12]),
            resume="allow",
            dir=str(folder.events),
            config=_config(folder.config),
        )
        for group in ("step", "epoch"):
            self._run.define_metric(f"{group}/*", step_metric=f"{group}/number")

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> None:
        self._run.log({tag: scalar_value, f"{tag.partition('/')[0]}/number": global_step})

    def flush(self) -> None:
        """Weights & Biases writes on its own."""

    def close(self) -> None:
        self._run.finish()


class MlflowWriter:
    """Logs to a run of MLflow at MLFLOW_TRACKING_URI, whose name is that of the run folder."""

    def __init__(self, folder: RunFolder, _finished_steps: int) -> None:
        import mlflow

        self._client: Any = mlflow.MlflowClient()

        def create() -> str:
            experiment = mlflow.set_experiment(PROJECT).experiment_id
            run = self._client.create_run(experiment, run_name=folder.path.resolve().name).info.run_id
            self._client.log_dict(run, _config(folder.config), "config.json")
            return str(run)

        self._id = _run_id(folder, "mlflow", create)
        self._client.update_run(self._id, status="RUNNING")

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> None:
        self._client.log_metric(self._id, tag, scalar_value, step=global_step)

    def flush(self) -> None:
        """Every metric is sent at once."""

    def close(self) -> None:
        self._client.set_terminated(self._id)


_OPEN: dict[LoggerName, Callable[[RunFolder, int], EventWriter]] = {
    "tensorboard": _tensorboard,
    "wandb": WandbWriter,
    "mlflow": MlflowWriter,
}


def _run_id(folder: RunFolder, name: str, create: Callable[[], str]) -> str:
    """The id under which a logger keeps this run, from the run folder or new."""
    file = folder.events / f"{name}-run.txt"
    if file.is_file():
        return file.read_text(encoding="utf-8").strip()
    new = create()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{new}\n", encoding="utf-8")
    return new


def _config(path: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config
