"""Faults found while a list is read, gathered so that all of them are told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fercli.errors import DataError

_SHOWN = 10


def refuse_faults(where: Path, faults: Sequence[str], *, fix: str) -> None:
    """DataError with the first ten faults and the number of the others; nothing without a fault."""
    if faults:
        more = f"; and {len(faults) - _SHOWN} more lines" if len(faults) > _SHOWN else ""
        raise DataError(f"{where}: " + "; ".join(faults[:_SHOWN]) + more, fix=fix)
