"""Ranges of numeric fields, declared beside each field: `size: Annotated[int, Within(1, 2048)]`."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Within:
    """The range of a number, limits included; of a tuple or mapping, that of each of its numbers."""

    low: float
    high: float


Share = Annotated[float, Within(0, 1)]
Shares = Annotated[tuple[float, float], Within(0, 1)]
Weight = Annotated[float, Within(0, 10_000)]  # of a loss

_INFINITE = float("inf")


def range_errors(config: object, prefix: str = "") -> list[str]:
    """Return what is wrong with the numbers of a nested dataclass: a sentence for each field outside of its range.

    NaN is outside of every range. Values of another type are errors, too.
    """
    errors: list[str] = []
    for name, within, nested in _declared(typing.cast("Hashable", type(config))):
        value = getattr(config, name)
        if nested:
            errors += range_errors(value, f"{prefix}{name}.")
        elif within is not None:
            errors += _errors(f"{prefix}{name}", value, within)
    return errors


def check_ranges(config: object) -> None:
    """Raise ValueError that lists every number of a nested dataclass outside of its range."""
    errors = range_errors(config)
    if errors:
        raise ValueError("; ".join(errors))


def shown(value: object) -> str:
    """Return a value for a message: shortened, whatever it is; an integer of thousands of digits has no `repr`."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return "an integer of more than 30 digits"
    if isinstance(value, Mapping):
        return f"a mapping of {len(value)}" if value else "{}"
    if isinstance(value, list | tuple):
        opening, closing = "()" if isinstance(value, tuple) else "[]"
        items = [shown(item) for item in value[:_SHOWN_ITEMS]] + (["..."] if len(value) > _SHOWN_ITEMS else [])
        return f"{opening}{', '.join(items)}{closing}"
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


_SHOWN_ITEMS, _SHOWN_CHARACTERS = 8, 100


def _errors(name: str, value: object, within: Within) -> Iterator[str]:
    numbers = _numbers(value)
    if numbers is None:
        yield f"{name} must be numbers, got {shown(value)}"
        return
    wrong = next((number for number in numbers if not within.low <= number <= within.high), None)
    if wrong is not None:
        at_most = f" and at most {_number(within.high)}" if within.high < _INFINITE else ""
        yield f"{name} must be at least {_number(within.low)}{at_most}, got {shown(wrong)}"


def _number(limit: float) -> str:
    return f"{limit:,}" if isinstance(limit, int) and limit < 10**9 else f"{limit:g}"


def _numbers(value: object) -> list[float] | None:
    """The numbers in a value; None if it contains anything else."""
    if value is None:
        return []
    items = list(value.values()) if isinstance(value, Mapping) else value
    if isinstance(items, list | tuple):
        nested = [_numbers(item) for item in items]
        return None if None in nested else [number for part in nested for number in part or []]
    return [items] if isinstance(items, int | float) and not isinstance(items, bool) else None


@functools.cache
def _declared(kind: Any) -> tuple[tuple[str, Within | None, bool], ...]:
    """Name, range, and whether it is a dataclass, of every field."""
    hints = typing.get_type_hints(kind, include_extras=True)
    found = []
    for item in dataclasses.fields(kind):
        hint: Any = hints[item.name]
        ranges = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Within)]
        found.append((item.name, ranges[-1] if ranges else None, dataclasses.is_dataclass(hint)))
    return tuple(found)
