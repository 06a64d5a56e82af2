"""The folder of a training run: configuration, environment, one row per epoch, checkpoint, weights, result."""

from __future__ import annotations

import csv
import dataclasses
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fercli
from fercli.config.model import BtnConfig
from fercli.config.training import TrainConfig
from fercli.config.validate import from_dict
from fercli.data.dataset import SPLITS, Dataset, listing_fingerprint
from fercli.data.manifest import require_manifest_of
from fercli.data.training_changes import TrainingChanges
from fercli.errors import DataError, RefusedError, UsageError
from fercli.system.digest import file_sha256
from fercli.system.files import replacing

if TYPE_CHECKING:
    import torch

_AGAIN = "start without --resume, in a new folder"
# what decides a run's bits, of all that `environment` tells
_DECIDING = ("fercli", "git", "device", "gpu", "cuda", "threads")
_DECIDING_PACKAGES = ("torch", "torchvision", "numpy", "pillow")
_PACKAGES = {
    "torch", "torchvision", "numpy", "pillow", "av", "facenet-pytorch", "opencv-python", "opencv-python-headless",
    "onnxruntime", "onnxruntime-gpu", "tensorboard",
}  # fmt: skip


@dataclass(frozen=True)
class RunConfig:
    """Everything a run was told: enough to do it again.

    init, teachers: the weights it started from, and those whose answers its targets are mixed with; beside each the sha256 of
    the files. processes: how many did its work together (torchrun).
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
    """Names of the files of one run."""

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
        """Weights chosen by a selection protocol: last, val (named best) or test_best."""
        return self.path / {"val": "best.safetensors", "last": "last.safetensors"}.get(
            protocol, "test-best.safetensors"
        )

    def predictions(self, protocol: str, split: str) -> Path:
        """What these weights answered on every image of a split."""
        return self.path / "predictions" / f"{self.weights(protocol).stem}-{split}.csv"

    @property
    def result(self) -> Path:
        return self.path / "result.json"


def start_run(
    path: Path, config: RunConfig, *, data: Mapping[str, Any], device: torch.device, overwrite: bool
) -> RunFolder:
    """Make the folder and write what the run was told, what it learns from (`data_facts`) and where it runs (`environment`).

    Raises: RefusedError if there is a run already.
    """
    folder = RunFolder(path)
    if folder.config.exists() and not overwrite:
        raise RefusedError(f"{path} already holds a run", fix="--resume goes on with it, --overwrite starts again")
    outputs = [folder.checkpoint, folder.metrics, folder.result, folder.curves, *path.glob("*.safetensors")]
    _sweep(path)
    for old in (*outputs, *folder.events.glob("events.out.*"), *folder.events.parent.glob("predictions/*.csv")):
        old.unlink(missing_ok=True)
    write_json(folder.data, data)
    write_json(folder.environment, environment(device))
    write_json(folder.config, dataclasses.asdict(config))  # last: from here on there is a run to go on with
    return folder


def open_run(path: Path, told: RunConfig) -> RunFolder:
    """Open a run to go on with it, to another number of epochs if `told` has one: config.json has it from then on.

    What it started from no longer matters once it has a checkpoint, so those files may have changed by then.
    Raises: UsageError naming every other setting that differs from what it was started with, or if more epochs are done.
    """
    folder = RunFolder(path)
    if not folder.config.is_file():
        raise DataError(f"there is no run in {path}", fix="start without --resume")
    before = from_dict(
        RunConfig, json.loads(folder.config.read_text()), where=str(folder.config), error=DataError, fix=_AGAIN
    )
    _sweep(path)
    same_start = folder.checkpoint.is_file() or not before.init_sha256  # runs of earlier versions have none
    comparable = dataclasses.replace(
        told,
        train=dataclasses.replace(told.train, epochs=before.train.epochs),
        init_sha256=before.init_sha256 if same_start else told.init_sha256,
    )
    changed = _differences(dataclasses.asdict(before), dataclasses.asdict(comparable))
    if changed:
        raise UsageError(
            f"{path} was started with other settings: {'; '.join(changed)}",
            fix="resume with the same command as before",
        )
    if told.train.epochs != before.train.epochs:
        done = len(folder.metrics.read_text().splitlines()) - 1 if folder.metrics.is_file() else 0
        if told.train.epochs < done:
            raise UsageError(
                f"{path} has {done} finished epochs, more than the {told.train.epochs} asked for",
                fix=f"--set epochs={done} or more",
            )
        folder.result.unlink(missing_ok=True)  # of a shorter run
        write_json(folder.config, dataclasses.asdict(dataclasses.replace(before, train=told.train)))
    return folder


def note_environment(folder: RunFolder, now: Mapping[str, Any]) -> list[str]:
    """Keep in environment.json, under `resumed`, where a run goes on if it last went on elsewhere; returns what differs.

    Only what may change the bits of its weights counts. A run without a checkpoint begins where it is now.
    """
    if not (folder.checkpoint.is_file() and folder.environment.is_file()):
        write_json(folder.environment, now)
        return []
    started = json.loads(folder.environment.read_text())
    places = [started, *started.get("resumed", [])]
    changed = _differences(_deciding(places[-1]), _deciding(now))
    if changed:
        write_json(folder.environment, {**started, "resumed": [*places[1:], now]})
    return changed


def _deciding(place: Mapping[str, Any]) -> dict[str, Any]:
    packages = place.get("packages", {})
    return {name: place.get(name) for name in _DECIDING} | {name: packages.get(name) for name in _DECIDING_PACKAGES}


def _sweep(path: Path) -> None:
    """Remove what a killed process was writing: `replacing`'s temporary files."""
    for half_written in path.rglob(".*.part*"):
        half_written.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file; it appears complete or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, default=str) + "\n")


def write_metrics(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write every epoch's row so far as csv, columns in the order of the first row."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def data_fingerprint(dataset: Dataset) -> str:
    """What changes whenever the data set does: its own fingerprint, else that of its lists."""
    return dataset.fingerprint or listing_fingerprint(dataset)


def data_facts(dataset: Dataset, *, manifest: Path | None = None) -> dict[str, Any]:
    """What a run learns from: name, place, classes, fingerprint, images per split and class.

    manifest: what `fer data check` wrote of every picture's hash; its own hash is kept. Left out, NAME.manifest.csv where it
    writes it, if that is there and names these images. Errors: DataError where a manifest that was named does not.
    """
    return {
        "name": dataset.name,
        "root": str(dataset.root.resolve()),
        "schema": dataset.schema,
        "labels": list(dataset.labels),
        "crop": dataset.crop,
        "fingerprint": data_fingerprint(dataset),
        "counts": {split: dataset.counts(split) for split in SPLITS},
        "manifest": _manifest(dataset, manifest),
    }


def _manifest(dataset: Dataset, named: Path | None) -> dict[str, str] | None:
    path = named or Path(f"{dataset.name}.manifest.csv")
    try:
        require_manifest_of(dataset, path)
    except DataError:
        if named is None:
            return None
        raise
    return {"file": str(path), "sha256": file_sha256(path)}


def environment(device: torch.device | None = None) -> dict[str, Any]:
    """Versions, machine and git revision: what a reader needs to judge a number. device: on which torch computes, if it does."""
    versions = {
        name: distribution.version
        for distribution in importlib.metadata.distributions()
        if (name := distribution.name) in _PACKAGES
    }
    return {
        "fercli": fercli.__version__,
        "git": git_revision(Path(fercli.__file__).parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": versions,
        **(_computing(device) if device is not None else {}),
    }


def _computing(device: torch.device) -> dict[str, Any]:
    """The device with its name, the CUDA that torch was built for, and the threads that decide a CPU's last bits."""
    import torch

    return {
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
    }


def git_revision(package: Path) -> str | None:
    """The commit that a package's folder is checked out at, with -dirty where a tracked file there differs from it.

    None where git does not track the package: a repository above it, as around a project's virtual environment, is another's.
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    revision = _git(package, "rev-parse", "HEAD")
    dirty = _git(package, "diff", "--quiet", "HEAD", "--", ".") is None
    return f"{revision}-dirty" if revision and dirty else revision


def _git(folder: Path, *words: str) -> str | None:
    """What git answers in a folder; None where it fails or there is none."""
    try:
        answer = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name in before.keys() | now.keys():
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            found.append(f"{prefix}{name} was {old!r}, now {new!r}")
    return sorted(found)
