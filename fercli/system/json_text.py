"""Parse JSON of strangers: plain ValueErrors for everything that is not finite, too long, or nested too deeply."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

_DIGITS = 30  # of an integer; more have no use here, and Python refuses thousands of them
_LEVELS = 50


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text whose numbers are finite and whose lists and objects nest at most 50 levels deep.

    Raises: ValueError for any other text.
    """
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check_levels(value)
    return value


_TOO_DEEP = f"lists and objects nest more than {_LEVELS} levels deep"


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"an integer of {len(text.lstrip('-'))} digits")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:_DIGITS]} is too large")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number in JSON")


def _check_levels(value: object) -> None:
    level = [value]
    for _ in range(_LEVELS + 1):
        level = [
            item
            for parent in level
            if isinstance(parent, Mapping | list)
            for item in (parent.values() if isinstance(parent, Mapping) else parent)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)
