"""Read a configuration file: JSON, TOML or YAML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from fercli.errors import UsageError
from fercli.system.json_text import parse_json
from fercli.system.packages import install_command

_SUFFIXES = ".json, .toml, .yaml"


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a mapping from the file. Raises: UsageError if it cannot be read or is none."""
    try:
        values = _parse(path.suffix.lower(), path.read_text(encoding="utf-8"), path)
    except (
        OSError,
        ValueError,
        RecursionError,
    ) as error:  # the parsers' errors are ValueErrors, PyYAML's are turned into one
        raise UsageError(f"could not read {path} ({error})", fix=f"a file {_SUFFIXES}, or a run folder") from error
    if not isinstance(values, Mapping):
        raise UsageError(f"{path} is not a mapping of names to values", fix="see config.json in a run folder")
    return dict(values)


def _parse(suffix: str, text: str, path: Path) -> Any:
    if suffix == ".json":
        return parse_json(text)
    if suffix == ".toml":
        return tomllib.loads(text)
    if suffix in (".yaml", ".yml"):
        return _yaml(text, path)
    raise ValueError(f"unknown suffix {suffix!r}")


def _yaml(text: str, path: Path) -> Any:
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise UsageError(f"{path} needs PyYAML, which is not installed", fix=install_command("train")) from None
    try:
        return yaml.load(text, Loader=_float_loader(yaml))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _float_loader(yaml: Any) -> Any:
    """PyYAML's safe loader, which also reads 2e-5 as a number: YAML 1.1 wants a dot."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    Loader.yaml_implicit_resolvers = {
        first: list(resolvers) for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    pattern = re.compile(r"^[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", pattern, list("-+0123456789."))
    return Loader
