"""What every table format provides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from fercli.results import Prediction


class TableWriter(Protocol):
    """A file of predictions that is being written."""

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Append one row per prediction."""


def _nothing_to_check() -> None:
    """For formats that need no further package."""


@dataclass(frozen=True)
class TableFormat:
    """How to write one format.

    open: (path, labels, settings of the run) -> a context that yields the writer and completes the file at its end.
    check: raises RefusedError if a package that the format needs is not installed. holds_settings: the file itself holds the
    settings of the run, else they are written beside it.
    """

    open: Callable[[Path, Sequence[str], Mapping[str, object]], AbstractContextManager[TableWriter]]
    check: Callable[[], None] = _nothing_to_check
    holds_settings: bool = False


def open_text(path: Path, mode: str) -> TextIO:
    """Open a text file of rows; file names in it may hold any bytes."""
    return path.open(mode, newline="", encoding="utf-8", errors="surrogateescape")  # type: ignore[return-value]
