"""The configuration of an earlier run, or a part of one, as the start of a new run: `fer train --config`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fercli.config.model import BtnConfig
from fercli.config.setting_info import nearest_settings
from fercli.config.settings import fields_of
from fercli.config.training import TrainConfig
from fercli.config.validate import from_dict
from fercli.data.training_changes import TrainingChanges
from fercli.errors import UsageError
from fercli.system.config_file import read_config_file
from fercli.weights.run_folder import RunConfig, RunFolder

T = TypeVar("T")
_FIX = "fer train --list-settings shows every name; config.json in a run folder is an example"
_HASHES = ("init_sha256", "teachers_sha256", "fingerprint", "processes")  # facts of the saved run, not its settings


@dataclass(frozen=True)
class SavedConfig:
    """What a file states: None or empty where it says nothing. model, train: the fields, nested or with dotted names."""

    path: Path
    dataset: str | None
    data: str | None
    init: tuple[str, ...]
    teachers: tuple[str, ...]
    changes: TrainingChanges
    model: dict[str, Any]
    train: dict[str, Any]
    init_sha256: tuple[str, ...] = ()
    fingerprint: str | None = None

    @property
    def preset(self) -> str | None:
        """The model preset that the file names."""
        return self.model.get("preset")

    @property
    def recipe(self) -> str | None:
        """The recipe that the file names."""
        return self.train.get("recipe")

    def apply(self, config: RunConfig) -> RunConfig:
        """Put the fields of the file over a configuration. Raises: UsageError for unknown or invalid ones."""
        return dataclasses.replace(
            config,
            model=_merged(config.model, self.model, where=f"{self.path}: model"),
            train=_merged(config.train, self.train, where=f"{self.path}: train"),
        )


def read_saved_config(path: Path) -> SavedConfig:
    """Read config.json of a run folder, or a file in its layout with any part of it.

    Raises: UsageError for a file that cannot be read, or unknown names.
    """
    path = RunFolder(path).config if path.is_dir() else path
    values = read_config_file(path)
    names = [item.name for item in dataclasses.fields(RunConfig)]
    unknown = [name for name in values if name not in names]
    if unknown:
        raise UsageError(f"{path}: {'; '.join(_unknown(name, names) for name in unknown)}", fix=_FIX)
    stated = {name: value for name, value in values.items() if name not in ("model", "train", *_HASHES)}
    facts: dict[str, Any] = {name: values[name] for name in ("init_sha256", "fingerprint") if name in values}
    empty: dict[str, Any] = {"path": path, "dataset": None, "data": None, "init": (), "teachers": (), "changes": {}}
    parts = {name: _mapping(values.get(name, {}), f"{path}: {name}") for name in ("model", "train")}
    return from_dict(SavedConfig, {**empty, **stated, **parts, **facts}, where=str(path), error=UsageError, fix=_FIX)


def _unknown(name: str, names: list[str]) -> str:
    settings = {
        f"{part}.{leaf}" for part, kind in (("model", BtnConfig), ("train", TrainConfig)) for leaf in fields_of(kind)
    }
    near = nearest_settings(name, [*names, *settings])
    return f"unknown field {name!r}" + (f" (did you mean {' or '.join(near)}?)" if near else "")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} must be a mapping of names to values, got {value!r}", fix=_FIX)
    return value


def _merged(base: T, changes: Mapping[str, Any], *, where: str) -> T:
    values = dataclasses.asdict(base)  # type: ignore[call-overload]
    errors: list[str] = []
    known = fields_of(type(base))
    _update(values, changes, "", errors, lambda name: nearest_settings(name, known))
    if errors:
        raise UsageError(f"{where}: {'; '.join(errors)}", fix=_FIX)
    return from_dict(type(base), values, where=where, error=UsageError, fix=_FIX)


def _update(
    values: dict[str, Any],
    changes: Mapping[str, Any],
    prefix: str,
    errors: list[str],
    nearest: Callable[[str], list[str]],
) -> None:
    for name, value in changes.items():
        head, dot, rest = str(name).partition(".")
        if head not in values or (dot and not isinstance(values[head], dict)):
            near = nearest(f"{prefix}{name}")
            errors.append(f"unknown field {prefix}{name}" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
        elif dot:
            _update(values[head], {rest: value}, f"{prefix}{head}.", errors, nearest)
        elif isinstance(values[head], dict) and isinstance(value, Mapping):
            _update(values[head], value, f"{prefix}{head}.", errors, nearest)
        else:
            values[head] = value
