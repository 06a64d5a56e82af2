"""Drawing a figure on the CPU, and reading its tables."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fercli.data.dataset import Dataset
from fercli.explain.visualize import Figure, VisualizeOptions, VisualizeResult, visualize


@pytest.fixture(scope="session")
def rows_of() -> Callable[[Path], list[dict[str, str]]]:
    """Read the rows of a csv file: `rows_of(path)`."""

    def read(path: Path) -> list[dict[str, str]]:
        with path.open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture(scope="session")
def draw() -> Callable[..., VisualizeResult]:
    """Draw a figure on the CPU: `draw(figure, weights, dataset, out, **options)`."""

    def run(figure: Figure, weights: Sequence[Path], dataset: Dataset, out: Path, **options: Any) -> VisualizeResult:
        choices = VisualizeOptions(device="cpu", **options)
        return visualize(figure, [str(path) for path in weights], str(dataset.root), out, choices)

    return run
