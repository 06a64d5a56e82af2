"""Build frozen dataclasses from JSON values: types are checked strictly, all errors are reported at once."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from fercli.config.ranges import shown
from fercli.errors import FerError

T = TypeVar("T")
_LISTED, _NAME = 20, 60  # errors in a message; characters of an unknown name


def from_dict(kind: type[T], values: Mapping[str, Any], *, where: str, error: type[FerError], fix: str) -> T:
    """Build a nested dataclass from JSON-like values; `error` lists every unknown, missing or invalid field.

    where: the file, for the message. fix: how to repair it.
    """
    errors: list[str] = []
    result = _build(kind, values, "", errors)
    if errors:
        more = f"; and {len(errors) - _LISTED} more errors" if len(errors) > _LISTED else ""
        raise error(f"{where}: " + "; ".join(errors[:_LISTED]) + more, fix=fix)
    return typing.cast(T, result)


def _build(kind: Any, values: Any, prefix: str, errors: list[str]) -> Any:
    if not isinstance(values, Mapping):
        errors.append(f"{prefix.rstrip('.') or 'value'} must be an object (mapping), got {shown(values)}")
        return None
    hints = typing.get_type_hints(kind)
    items = {item.name: item for item in dataclasses.fields(kind)}
    errors.extend(f"unknown field {prefix}{str(name)[:_NAME]}" for name in values if name not in items)
    built: dict[str, Any] = {}
    before = len(errors)
    for name, item in items.items():
        hint = hints[name]
        if name not in values:
            if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                errors.append(f"missing field {prefix}{name}")
            continue
        if dataclasses.is_dataclass(hint):
            built[name] = _build(hint, values[name], f"{prefix}{name}.", errors)
            continue
        try:
            built[name] = _checked(values[name], hint)
        except ValueError as error:
            errors.append(f"{prefix}{name}: {error}")
    if len(errors) > before:
        return None
    try:
        return kind(**built)
    except ValueError as error:
        errors.append(str(error))
        return None


def _checked(value: Any, hint: Any) -> Any:
    """Check a JSON-like value against a type hint, turning lists into tuples; ValueError states what is expected."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is typing.Literal:
        if any(type(value) is type(argument) and value == argument for argument in arguments):
            return value
        raise ValueError(f"{shown(value)} is not one of {', '.join(map(str, arguments))}")
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _checked(value, next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return _checked_tuple(value, arguments)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"{shown(value)} is not an object (mapping)")
        return {name: _checked(item, arguments[1]) if len(arguments) == 2 else item for name, item in value.items()}
    if dataclasses.is_dataclass(hint):
        errors: list[str] = []
        built = _build(hint, value, "", errors)
        if errors:
            raise ValueError("; ".join(errors))
        return built
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{shown(value)} is too large") from None
    if isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ValueError(f"{shown(value)} is not a valid {getattr(hint, '__name__', hint)}")


def _checked_tuple(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{shown(value)} is not a list")
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(_checked(item, hints[0]) for item in value)
    if len(value) != len(hints):
        raise ValueError(f"{shown(value)} must have {len(hints)} values")
    return tuple(_checked(item, hint) for item, hint in zip(value, hints, strict=True))
