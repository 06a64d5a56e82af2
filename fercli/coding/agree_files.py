"""What `fer agree` writes: agreement.json, a confusion matrix and the scores by class as csv, and a figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fercli.coding.agree import NOT_CODED, NOT_SEEN, Agreement, PairAgreement
from fercli.coding.agreement import Estimate
from fercli.coding.recordings import UNCERTAIN
from fercli.formatting import percent
from fercli.media.figures import empty_figure, plots_available, save_figure
from fercli.system.csv_file import write_rows
from fercli.system.json_file import write_json

_CLASS_HEAD = (
    *("coded", "read", "expression", "coded_s", "read_s", "precision", "precision_low", "precision_high"),
    *("recall", "recall_low", "recall_high", "coded_events", "read_events", "matched_events"),
    *("event_precision", "event_precision_low", "event_precision_high", "event_recall", "event_recall_low"),
    *("event_recall_high", "event_f1", "event_f1_low", "event_f1_high", "onset_error_s", "offset_error_s"),
)


def confusion_names(pair: PairAgreement) -> tuple[list[str], list[str]]:
    """Return the names of rows and columns of the confusion matrix."""
    classes = [item.name for item in pair.classes]
    return [*classes, UNCERTAIN, NOT_CODED], [*classes, UNCERTAIN, NOT_SEEN]


def agreement_record(result: Agreement) -> dict[str, Any]:
    """Return an agreement as plain values; the confusion matrices are in seconds."""
    record = asdict(result)
    for pair, values in zip(result.pairs, record["pairs"], strict=True):
        rows, columns = confusion_names(pair)
        values["confusion"] = {"rows": rows, "columns": columns, "seconds": _seconds(pair, result.step_s)}
        values["compared_s"] = round(pair.compared * result.step_s, 6)
    return record


def write_agreement(folder: Path, result: Agreement) -> None:
    """Write all files into a folder; a figure only where matplotlib is installed.

    Of several pairs of coders, the names of csv files and figures have a number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "agreement.json", agreement_record(result), allow_nan=False)
    write_rows(folder / "classes.csv", _CLASS_HEAD, _class_rows(result))
    for number, pair in enumerate(result.pairs, start=1):
        ending = f"-{number}" if len(result.pairs) > 1 else ""
        rows, columns = confusion_names(pair)
        cells = [[name, *values] for name, values in zip(rows, _seconds(pair, result.step_s), strict=True)]
        write_rows(folder / f"confusion{ending}.csv", [f"{pair.coded} / {pair.read} (s)", *columns], cells)
        if plots_available():
            plot_agreement(folder / f"confusion{ending}.png", pair, result.step_s)


def plot_agreement(path: Path, pair: PairAgreement, step_s: float) -> None:
    """Draw the confusion matrix as PNG, PDF and SVG: shade and percentage of the row, seconds below."""
    rows, columns = confusion_names(pair)
    seconds = pair.confusion * step_s
    used_rows, used_columns = (np.flatnonzero(seconds.sum(axis=axis) > 0) for axis in (1, 0))
    seconds = seconds[np.ix_(used_rows, used_columns)]
    shares = seconds / np.maximum(seconds.sum(axis=1, keepdims=True), 1e-12)
    figure = empty_figure(3 + 0.85 * len(used_columns), 2.4 + 0.75 * len(used_rows))
    axes = figure.add_subplot(xlabel=f"{pair.read} (% of the row, seconds)", ylabel=pair.coded)
    kappa = "not defined" if pair.kappa.value is None else f"{pair.kappa.value:.2f}"
    axes.set_title(f"Cohen's kappa {kappa} over {pair.compared * step_s:.0f} s", fontsize=10)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(used_columns)), [columns[index] for index in used_columns], rotation=45, ha="right")
    axes.set_yticks(range(len(used_rows)), [rows[index] for index in used_rows])
    for (row, column), share in np.ndenumerate(shares):
        text = f"{percent(float(share))}\n{seconds[row, column]:.1f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if share > 0.5 else "black")
    save_figure(figure, path)


def _class_rows(result: Agreement) -> Iterator[list[object]]:
    for pair in result.pairs:
        for item, events in zip(pair.classes, pair.events, strict=False):
            yield [
                *(pair.coded, pair.read, item.name),
                *(round(count * result.step_s, 6) for count in (item.coded, item.read)),
                *_cells(item.precision),
                *_cells(item.recall),
                *(events.coded, events.read, events.matched),
                *_cells(events.precision),
                *_cells(events.recall),
                *_cells(events.f1),
                *(events.onset_error_s, events.offset_error_s),
            ]


def _cells(score: Estimate) -> tuple[float | None, float | None, float | None]:
    low, high = score.interval or (None, None)
    return score.value, low, high


def _seconds(pair: PairAgreement, step_s: float) -> list[list[float]]:
    return [[round(float(value), 6) for value in row] for row in pair.confusion * step_s]
