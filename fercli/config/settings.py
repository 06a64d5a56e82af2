"""Settings: `dotted.name=value` texts applied to frozen dataclasses, as `--set` and the rows of ablations give them."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from fercli.config.setting_info import SettingInfo, nearest_settings, setting_info
from fercli.config.validate import from_dict
from fercli.errors import UsageError

T = TypeVar("T")
_FIX = "fer train --list-settings shows every name with its default"


def fields_of(kind: type, prefix: str = "") -> dict[str, Any]:
    """Return every leaf field of a nested dataclass: dotted name -> annotated type."""
    leaves: dict[str, Any] = {}
    hints = typing.get_type_hints(kind)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            leaves |= fields_of(hint, f"{prefix}{item.name}.")
        else:
            leaves[prefix + item.name] = hint
    return leaves


def leaves_of(config: object, prefix: str = "") -> dict[str, Any]:
    """Return every leaf value of a nested dataclass: dotted name -> value."""
    leaves: dict[str, Any] = {}
    for item in dataclasses.fields(typing.cast(Any, config)):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            leaves |= leaves_of(value, f"{prefix}{item.name}.")
        else:
            leaves[prefix + item.name] = value
    return leaves


def list_settings(*configs: object) -> list[tuple[SettingInfo, Any]]:
    """Return every setting of the configurations with its description and value."""
    return [
        (setting_info(name, hint), leaves_of(config)[name])
        for config in configs
        for name, hint in fields_of(type(config)).items()
    ]


def value_text(value: Any) -> str:
    """Format a value as `--set` reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value_text(item) for item in value) if isinstance(value, tuple | list) else str(value)


def override(config: T, settings: Sequence[str], *, groups: Sequence[str] = ()) -> T:
    """Return `config` with every `dotted.name=value` applied; UsageError lists all unknown names and invalid values.

    groups: names of sub-dataclasses whose fields are set without their prefix, and outside of which nothing can be set.
    """
    full_names = {name: f"{group}.{name}" for group in groups for name in fields_of(type(getattr(config, group)))}
    hints = fields_of(type(config))
    known = {name: hints[full] for name, full in full_names.items()} if groups else hints
    values = dataclasses.asdict(typing.cast(Any, config))
    errors: list[str] = []
    for setting in settings:
        try:
            name, value = _parse(setting, known)
        except ValueError as error:
            errors.append(str(error))
        else:
            _set(values, full_names.get(name, name), value)
    if errors:
        raise UsageError("; ".join(errors), fix=_FIX)
    return from_dict(type(config), values, where="settings", error=UsageError, fix=_FIX)


def check_settings(configs: Sequence[type], settings: Sequence[str]) -> None:
    """Raise UsageError listing every unknown name and every value of another type, before the rest of a run is known."""
    known = {name: hint for kind in configs for name, hint in fields_of(kind).items()}
    errors = []
    for setting in settings:
        try:
            _parse(setting, known)
        except ValueError as error:
            errors.append(str(error))
    if errors:
        raise UsageError("; ".join(errors), fix=_FIX)


def _parse(setting: str, known: Mapping[str, Any]) -> tuple[str, Any]:
    """Split and parse one `name=value`; ValueError describes what is wrong with it."""
    name, equals, text = setting.partition("=")
    name = name.strip()
    if not equals:
        raise ValueError(f"{setting!r} is not of the form name=value")
    if name not in known:
        near = nearest_settings(name, known)
        raise ValueError(f"no setting {name!r}" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    try:
        return name, _from_text(text.strip(), known[name])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _set(values: dict[str, Any], dotted: str, value: Any) -> None:
    *groups, leaf = dotted.split(".")
    for group in groups:
        values = values[group]
    values[leaf] = value


def _from_text(text: str, hint: Any) -> Any:
    """Parse the text of a value as the hinted type; ValueError states what is expected."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        for argument in arguments:
            if text == str(argument):
                return argument
        near = difflib.get_close_matches(text, [str(argument) for argument in arguments], n=1)
        raise ValueError(
            f"{text!r} is not one of {', '.join(map(str, arguments))}" + (f" (did you mean {near[0]}?)" if near else "")
        )
    if origin is tuple:
        parts = [part for part in text.strip("()[]").split(",") if part.strip()]
        item_hints = [arguments[0]] * len(parts) if arguments[-1] is Ellipsis else list(arguments)
        if len(parts) != len(item_hints):
            raise ValueError(f"{text!r} must have {len(item_hints)} comma-separated values")
        return tuple(_from_text(part.strip(), item) for part, item in zip(parts, item_hints, strict=True))
    if hint is bool:
        if text.lower() in {"true", "yes", "on", "1"}:
            return True
        if text.lower() in {"false", "no", "off", "0"}:
            return False
        raise ValueError(f"{text!r} is not true or false")
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a{'n integer' if hint is int else ' number'}") from None
    return text
