"""Cells and lines of the paper's tables in markdown and csv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev


@dataclass(frozen=True)
class Percentage:
    """A score in percent; deviation: standard deviation over seeds, None for one run or a published score."""

    value: float
    deviation: float | None = None


def percentage(shares: Sequence[float | None]) -> Percentage | None:
    """Return the mean and deviation of shares in 0..1; None where one is missing."""
    values = [100 * share for share in shares if share is not None]
    if not values or len(values) < len(shares):
        return None
    return Percentage(mean(values), stdev(values) if len(values) > 1 else None)


def rounded(value: float | None) -> float | None:
    """Round for csv; None stays None, an empty cell."""
    return None if value is None else round(value, 4)


def cell(value: object) -> str:
    """Format a cell of a markdown table."""
    if isinstance(value, Percentage):
        return f"{value.value:.2f}" + (f" ± {value.deviation:.2f}" if value.deviation is not None else "")
    return "" if value is None else str(value).replace("|", "\\|")


def markdown(title: str, head: Sequence[str], rows: Sequence[Sequence[object]], notes: Sequence[str] = ()) -> str:
    """Format a table under its title, with notes below as a list."""
    body = [_line(head), _line(["---"] * len(head)), *(_line([cell(value) for value in row]) for row in rows)]
    below = ["", *(f"- {note}" for note in notes)] if notes else []
    return "\n".join([f"**{title}**", "", *body, *below]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
