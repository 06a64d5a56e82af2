"""The folder of a training run: configuration, environment, metrics of every epoch, checkpoint, weights, result."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.config.model import BtnConfig
from fercli.config.training import TrainConfig
from fercli.config.validate import from_dict
from fercli.data.training_changes import TrainingChanges
from fercli.errors import DataError, RefusedError, UsageError, WeightsError
from fercli.system.environment import environment
from fercli.system.files import replacing
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json

if TYPE_CHECKING:
    import torch

_AGAIN = "start without --resume, in a new folder"
# entries of `environment` that change the bits of the weights
_BIT_RELEVANT = ("fercli", "git", "device", "gpu", "cuda", "threads")
_BIT_RELEVANT_PACKAGES = ("torch", "torchvision", "numpy", "pillow")


@dataclass(frozen=True)
class RunConfig:
    """The complete configuration of a run, enough to repeat it.

    init: the weights it started from; teachers: the weights whose predictions its targets are mixed with; both with the
    sha256 of the files. processes: number of processes that trained together (torchrun).
    """

    dataset: str
    data: str | None
    model: BtnConfig
    train: TrainConfig
    init: tuple[str, ...]
    init_sha256: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    teachers_sha256: tuple[str, ...] = ()
    fingerprint: str | None = None
    changes: TrainingChanges = field(default_factory=TrainingChanges)
    processes: int = 1


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def data(self) -> Path:
        return self.path / "data.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    @property
    def events(self) -> Path:
        return self.path / "events"

    def weights(self, protocol: str) -> Path:
        """Return the weights chosen by a selection protocol: last, val (named best) or test_best."""
        return self.path / {"val": "best.safetensors", "last": "last.safetensors"}.get(
            protocol, "test-best.safetensors"
        )

    def predictions(self, protocol: str, split: str) -> Path:
        """Return the predictions of these weights for every image of a split."""
        return self.path / "predictions" / f"{self.weights(protocol).stem}-{split}.csv"

    @property
    def result(self) -> Path:
        return self.path / "result.json"


def seed_folders(path: Path) -> tuple[Path, ...]:
    """Return the run folders of `fer train --seeds` in a folder, by seed; empty for anything else."""
    if not path.is_dir() or RunFolder(path).config.is_file():
        return ()
    runs = [run.parent for run in path.glob("seed-*/config.json") if run.parent.name[5:].isdecimal()]
    return tuple(sorted(runs, key=lambda run: int(run.name[5:])))


def run_weights(path: Path, suffixes: Sequence[str]) -> Path | None:
    """Return the weights that are the result of a run's folder, with one of these suffixes, preferred ones first.

    An exported file counts if it is not older than the weights. None for a folder that is not a run. Raises: WeightsError for a
    run without such weights, and for a folder with the runs of several seeds.
    """
    folder = RunFolder(path)
    if not folder.config.is_file():
        seeds = seed_folders(path)
        if not seeds:
            return None
        raise WeightsError(
            f"{path} has the runs of {len(seeds)} seeds, each with weights of its own", fix=f"give one: {seeds[0]}"
        )
    for weights in (folder.weights(protocol) for protocol in (_selected_protocol(folder), "val", "last")):
        made = [weights.with_suffix(suffix) for suffix in suffixes if weights.with_suffix(suffix).is_file()]
        newest = [file for file in made if not weights.is_file() or file.stat().st_mtime >= weights.stat().st_mtime]
        if newest:
            return newest[0]
        if weights.is_file():
            raise WeightsError(f"{path} has no exported weights", fix=f"fer export --onnx --weights {path}")
    raise WeightsError(f"{path} has no weights yet", fix="wait until fer train has finished an epoch")


def _selected_protocol(folder: RunFolder) -> str:
    try:
        return str(parse_json(folder.config.read_text(encoding="utf-8"))["train"]["select"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{folder.config} is not a run's configuration ({error!r})", fix="give a weights file in the folder"
        ) from error


def run_name(dataset: str, model: str, seed: int) -> str:
    """Name of a run's weights: data set, model preset and seed, such as rafdb-btn-base-seed0."""
    return f"{folder_name(dataset)}-{model}-seed{seed}"


def folder_name(dataset: str) -> str:
    """Name of a data set in names of folders and weights, without the changes of its training images."""
    return re.sub(r"[^\w.+-]+", "-", dataset.partition(", ")[0]).strip("-") or "data"


def start_run(
    path: Path, config: RunConfig, *, data: Mapping[str, Any], device: torch.device, overwrite: bool
) -> RunFolder:
    """Create the folder with the configuration, the facts about the data (`data_facts`) and the environment.

    Raises: RefusedError if there is a run already.
    """
    folder = RunFolder(path)
    if folder.config.exists() and not overwrite:
        raise RefusedError(f"{path} already contains a run", fix="--resume continues it, --overwrite starts again")
    outputs = [folder.checkpoint, folder.metrics, folder.result, *path.glob("curves.*"), *path.glob("*.safetensors")]
    _remove_partial_files(path)
    for old in (*outputs, *folder.events.glob("events.out.*"), *folder.events.parent.glob("predictions/*.csv")):
        old.unlink(missing_ok=True)
    write_json(folder.data, data, default=str)
    write_json(folder.environment, environment(device, training_tf32=config.train.tf32), default=str)
    write_json(
        folder.config, dataclasses.asdict(config), default=str
    )  # last: a folder with config.json is a run that can be resumed
    return folder


def resume_run(path: Path, config: RunConfig) -> RunFolder:
    """Open a run to resume it; another number of epochs in `config` is written to config.json.

    Its starting weights may have changed once it has a checkpoint.
    Raises: UsageError naming every other setting that differs from the original ones, or if more epochs are finished.
    """
    folder = RunFolder(path)
    if not folder.config.is_file():
        raise DataError(f"there is no run in {path}", fix="start without --resume")
    before = from_dict(RunConfig, _read_json(folder.config), where=str(folder.config), error=DataError, fix=_AGAIN)
    _remove_partial_files(path)
    same_start = folder.checkpoint.is_file() or not before.init_sha256  # runs of earlier versions have none
    comparable = dataclasses.replace(
        config,
        train=dataclasses.replace(config.train, epochs=before.train.epochs),
        init_sha256=before.init_sha256 if same_start else config.init_sha256,
    )
    changed = _differences(dataclasses.asdict(before), dataclasses.asdict(comparable))
    if changed:
        raise UsageError(
            f"{path} was started with other settings: {'; '.join(changed)}",
            fix="resume it with the original options",
        )
    if config.train.epochs != before.train.epochs:
        done = len(folder.metrics.read_text(encoding="utf-8").splitlines()) - 1 if folder.metrics.is_file() else 0
        if config.train.epochs < done:
            raise UsageError(
                f"{path} has {done} finished epochs, more than the {config.train.epochs} requested",
                fix=f"--set epochs={done} or more",
            )
        folder.result.unlink(missing_ok=True)  # of a shorter run
        write_json(folder.config, dataclasses.asdict(dataclasses.replace(before, train=config.train)), default=str)
    return folder


def record_environment(folder: RunFolder, now: Mapping[str, Any]) -> list[str]:
    """Append the environment of a resumed run to environment.json, if it changed; returns the differences.

    Only differences that can change the bits of the weights count. Without a checkpoint it replaces the first environment.
    """
    if not (folder.checkpoint.is_file() and folder.environment.is_file()):
        write_json(folder.environment, now, default=str)
        return []
    started = _read_json(folder.environment)
    environments = [started, *started.get("resumed", [])]
    changed = _differences(_bit_relevant(environments[-1]), _bit_relevant(now))
    if changed:
        write_json(folder.environment, {**started, "resumed": [*environments[1:], now]}, default=str)
    return changed


def _bit_relevant(values: Mapping[str, Any]) -> dict[str, Any]:
    packages = values.get("packages", {})
    return {name: values.get(name) for name in _BIT_RELEVANT} | {
        name: packages.get(name) for name in _BIT_RELEVANT_PACKAGES
    }


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of the run. Raises: WeightsError if it is damaged."""
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path} is damaged ({type(error).__name__})", fix="--overwrite starts the run again"
        ) from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path} is damaged: not a JSON object", fix="--overwrite starts the run again")
    return values


def _remove_partial_files(path: Path) -> None:
    """Remove the temporary files of a killed process."""
    for partial in path.rglob(".*.part*"):
        partial.unlink(missing_ok=True)


def write_metrics(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of all epochs as csv; a column that rows of an earlier version lack is empty there."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    differences = []
    for name in before.keys() | now.keys():
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            differences += _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            differences.append(f"{prefix}{name} was {old!r}, now {new!r}")
    return sorted(differences)
