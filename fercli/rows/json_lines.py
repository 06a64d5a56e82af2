"""Predictions as JSON lines, the same that `fer predict --json` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fercli.results import Prediction
from fercli.rows.table import TableFormat, open_text


class JsonLinesTable:
    """Writes one object per line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def add(self, predictions: Sequence[Prediction]) -> None:
        for prediction in predictions:
            self._file.write(prediction.to_json() + "\n")


@contextmanager
def _open(path: Path, labels: Sequence[str], settings: Mapping[str, object]) -> Iterator[JsonLinesTable]:  # noqa: ARG001
    with open_text(path, "w") as file:
        yield JsonLinesTable(file)


JSON_LINES = TableFormat(_open)
