"""Frozen dataclasses from and to plain values: read strictly, change by dotted name, complain about all faults at once."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from fercli.errors import FerError, UsageError

T = TypeVar("T")
_SETTINGS = "fer train --list-settings shows every name with its default"


def fields_of(kind: type, prefix: str = "") -> dict[str, Any]:
    """Every leaf field of a nested dataclass: dotted name -> annotated type."""
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
    """Every leaf value of a nested dataclass: dotted name -> value."""
    leaves: dict[str, Any] = {}
    for item in dataclasses.fields(typing.cast(Any, config)):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            leaves |= leaves_of(value, f"{prefix}{item.name}.")
        else:
            leaves[prefix + item.name] = value
    return leaves


def override(config: T, settings: Sequence[str], *, groups: Sequence[str] = ()) -> T:
    """Return `config` with every `dotted.name=value` applied; UsageError lists all unknown names and unfit values together.

    groups: names of sub-dataclasses whose fields are set without their prefix, and outside of which nothing can be set.
    """
    places = {name: f"{group}.{name}" for group in groups for name in fields_of(type(getattr(config, group)))}
    hints = fields_of(type(config))
    known = {name: hints[place] for name, place in places.items()} if groups else hints
    faults: list[str] = []
    values = dataclasses.asdict(typing.cast(Any, config))
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals:
            faults.append(f"{setting!r} is not of the form name=value")
        elif name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            faults.append(f"no setting {name!r}" + (f" (did you mean {near[0]}?)" if near else ""))
        else:
            try:
                value = _from_text(text.strip(), known[name])
            except ValueError as error:
                faults.append(f"{name}: {error}")
                continue
            *path, leaf = places.get(name, name).split(".")
            place = values
            for part in path:
                place = place[part]
            place[leaf] = value
    if faults:
        raise UsageError("; ".join(faults), fix=_SETTINGS)
    return from_dict(type(config), values, where="settings", error=UsageError, fix=_SETTINGS)


def from_dict(kind: type[T], values: Mapping[str, Any], *, where: str, error: type[FerError], fix: str) -> T:
    """Build a nested dataclass from JSON-like values; `error` lists every unknown, missing or unfit field."""
    faults: list[str] = []
    result = _build(kind, values, "", faults)
    if faults:
        raise error(f"{where}: " + "; ".join(faults), fix=fix)
    return typing.cast(T, result)


def _build(kind: Any, values: Any, prefix: str, faults: list[str]) -> Any:
    if not isinstance(values, Mapping):
        faults.append(f"{prefix.rstrip('.') or 'value'} should be a group of fields, is {values!r}")
        return None
    hints = typing.get_type_hints(kind)
    items = {item.name: item for item in dataclasses.fields(kind)}
    faults.extend(f"unknown field {prefix}{name}" for name in values if name not in items)
    built: dict[str, Any] = {}
    before = len(faults)
    for name, item in items.items():
        hint = hints[name]
        if name not in values:
            if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                faults.append(f"missing field {prefix}{name}")
            continue
        if dataclasses.is_dataclass(hint):
            built[name] = _build(hint, values[name], f"{prefix}{name}.", faults)
            continue
        try:
            built[name] = _fit(values[name], hint)
        except ValueError as fault:
            faults.append(f"{prefix}{name}: {fault}")
    if len(faults) > before:
        return None
    try:
        return kind(**built)
    except ValueError as fault:
        faults.append(str(fault))
        return None


def _fit(value: Any, hint: Any) -> Any:
    """Check a JSON-like value against a type hint, turning lists into tuples; ValueError says what was wanted."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is typing.Literal:
        if value in arguments and type(value) in {type(argument) for argument in arguments}:
            return value
        raise ValueError(f"{value!r} is none of {', '.join(map(str, arguments))}")
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _fit(value, next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return _fit_tuple(value, arguments)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"{value!r} is not a group of values")
        return dict(value)
    if dataclasses.is_dataclass(hint):
        faults: list[str] = []
        built = _build(hint, value, "", faults)
        if faults:
            raise ValueError("; ".join(faults))
        return built
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ValueError(f"{value!r} is not a valid {getattr(hint, '__name__', hint)}")


def _fit_tuple(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is not a list")
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(_fit(item, hints[0]) for item in value)
    if len(value) != len(hints):
        raise ValueError(f"{value!r} should have {len(hints)} values")
    return tuple(_fit(item, hint) for item, hint in zip(value, hints, strict=True))


def _from_text(text: str, hint: Any) -> Any:
    """Read a command-line value as the hinted type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        for argument in arguments:
            if text == str(argument):
                return argument
        near = difflib.get_close_matches(text, [str(argument) for argument in arguments], n=1)
        raise ValueError(
            f"{text!r} is none of {', '.join(map(str, arguments))}" + (f" (did you mean {near[0]}?)" if near else "")
        )
    if origin is tuple:
        parts = [part for part in text.strip("()[]").split(",") if part.strip()]
        item_hints = [arguments[0]] * len(parts) if arguments[-1] is Ellipsis else list(arguments)
        if len(parts) != len(item_hints):
            raise ValueError(f"{text!r} should have {len(item_hints)} values, comma-separated")
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
