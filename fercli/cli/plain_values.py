"""Take option values that need no conversion as they are.

Typer converts every value with pydantic, also defaults; to load it and prepare 40 options takes 0.2 s of CPU time.
"""

from __future__ import annotations

from typing import Any, Literal, get_origin


def take_plain_values(parameters: list[Any]) -> None:
    """Let parameters of typer convert only values that need it."""
    for parameter in parameters:
        if getattr(parameter, "_runtime_param", parameter) is None:  # where typer keeps the converter
            parameter._runtime_param = _Value(parameter)


class _Value:
    """Takes the place of typer's converter of a parameter, and creates that one when it is needed."""

    def __init__(self, parameter: Any) -> None:
        self._parameter = parameter

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value as the function of the command takes it."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        annotation = param.type_descriptor.annotation
        if several and annotation == list[str] and not isinstance(value, str):
            return list(value)
        if _is_plain(value, annotation, param.default):
            return value
        self._parameter._runtime_param = None
        return self._parameter.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _is_plain(value: Any, annotation: Any, default: Any) -> bool:
    """Whether a value has its type already: any text, and defaults."""
    if annotation is type(value):
        return annotation is str or value == default
    return get_origin(annotation) is Literal and isinstance(value, str) and value == default
