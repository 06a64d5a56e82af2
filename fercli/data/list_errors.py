"""Errors in a list of images, collected while the list is read and reported together."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from fercli.errors import DataError

_SHOWN = 10
_MAX_COORDINATE_PX = 1e6


class ListErrors:
    """Errors of one file or folder, and images that it lists and that do not exist."""

    def __init__(self, path: Path, *, fix: str) -> None:
        self.path, self.fix = path, fix
        self.missing: list[str] = []
        self._all: list[str] = []

    def add(self, message: str) -> None:
        """Record an error, such as `line 3: label '8' is none of 1..7`."""
        self._all.append(message)

    def add_missing(self, where: str, image: str) -> None:
        """Record an image that does not exist; `where` names its line."""
        self.missing.append(f"{self.path.name}, {where}: {image} does not exist")
        self._all.append(f"{where}: {image} does not exist")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Turn the errors of a text that is not UTF-8, or not csv, into DataError."""
        try:
            yield
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{self.path} cannot be read ({error})", fix=self.fix) from error

    def raise_if_any(self) -> None:
        """Raise DataError with the first ten errors, missing images among them; images alone that are missing raise nothing."""
        if len(self._all) > len(self.missing):
            raise DataError(f"{self.path}: {first_few(self._all)}", fix=self.fix)

    def raise_if_empty(self, samples: Collection[object]) -> None:
        """Raise DataError where no listed image exists."""
        if not samples:
            missing = f": {first_few(self.missing)}" if self.missing else ""
            raise DataError(f"{self.path} lists no image that exists{missing}", fix=self.fix)


def coordinate_px(text: str) -> float:
    """Parse a pixel coordinate. Raises: ValueError for a text that is not a number, or beyond any picture."""
    number = float(text)
    if not abs(number) <= _MAX_COORDINATE_PX:  # also for NaN
        raise ValueError(f"{text.strip()!r} is not a pixel coordinate")
    return number


def first_few(messages: Sequence[str]) -> str:
    """Return the first ten messages and the number of the others."""
    more = f"; and {len(messages) - _SHOWN} more" if len(messages) > _SHOWN else ""
    return "; ".join(messages[:_SHOWN]) + more
