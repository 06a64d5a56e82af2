"""Read tables of predictions back, with the settings of the run: CSV, Parquet and JSON lines, also of earlier versions."""

from __future__ import annotations

import csv
import math
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from fercli.errors import DataError
from fercli.results import Prediction, Status
from fercli.rows.parquet import read_cells, read_header
from fercli.rows.records import PROBABILITY_PREFIX, prediction_from_cells, prediction_from_record
from fercli.rows.run_record import RunRecord, read_settings, record_from, settings_path
from fercli.system.csv_file import plain_text
from fercli.system.json_text import parse_json

TABLE_NAME = "predictions.csv"  # in a folder of fer predict --out
_FIX = "give a table of fer predict --save, or a folder of fer predict --out"
_INTEGERS, _TEXTS = ("frame", "face", "track"), ("label", "person", "baseline", "detail")  # fields of a prediction
_MAX_TIME_S = 1e8  # three years
_Numbered = Iterator[tuple[int, Any]]


@dataclass(frozen=True)
class SavedRows:
    """A table of predictions on disk.

    labels: the classes. run: what produced the table. predictions: a new iterator over the rows, in order, at every call;
    it raises DataError for a malformed row.
    """

    path: Path
    labels: tuple[str, ...]
    run: RunRecord
    predictions: Callable[[], Iterator[Prediction]]


def read_rows(path: Path) -> SavedRows:
    """Open a table by its suffix; of a folder of `fer predict --out` its predictions.csv.

    Raises: DataError if it cannot be read or is not such a table, RefusedError if pyarrow is missing for Parquet.
    """
    if path.is_dir():
        path = path / TABLE_NAME
    if not path.is_file():
        raise DataError(f"{path}: no such file", fix=_FIX)
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".jsonl": _read_json_lines}
    if path.suffix not in readers:
        raise DataError(f"{path}: not a .csv, .parquet or .jsonl file", fix=_FIX)
    rows = readers[path.suffix](path)
    if rows.run.labels and rows.labels and set(rows.run.labels) != set(rows.labels):
        raise DataError(
            f"{path}: its classes are {', '.join(rows.labels)}, those of its settings {', '.join(rows.run.labels)}",
            fix=f"remove {settings_path(path)}, which belongs to another table",
        )
    return replace(rows, run=replace(rows.run, labels=rows.run.labels or rows.labels))


def _read_csv(path: Path) -> SavedRows:
    def lines() -> _Numbered:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file, strict=True, delimiter=separator)
            for row in reader:
                yield reader.line_num, {name: plain_text(cell) for name, cell in row.items()} if is_marked else row

    with path.open("rb") as content:
        is_marked = content.read(len(BOM_UTF8)) == BOM_UTF8  # for spreadsheets: texts may follow an apostrophe
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            first = file.readline()
            separator = ";" if first.count(";") > first.count(",") else ","  # some spreadsheets write semicolons
            header = next(csv.reader([first], delimiter=separator), [])
    except csv.Error as error:
        raise DataError(f"{path}: {error}", fix=_FIX) from error
    labels = _labels(header, path)
    return SavedRows(
        path,
        labels,
        read_settings(path),
        lambda: _parsed(path, lines(), lambda row: prediction_from_cells(row, labels)),
    )


def _read_parquet(path: Path) -> SavedRows:
    names, settings = read_header(path, fix=_FIX)
    labels = _labels(names, path)
    run = RunRecord()
    if settings is not None:
        try:
            run = record_from(parse_json(settings), where=str(path))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: the settings in its metadata are damaged ({error})", fix=_FIX) from error
    return SavedRows(
        path,
        labels,
        run,
        lambda: _parsed(
            path, enumerate(read_cells(path, fix=_FIX), start=1), lambda row: prediction_from_cells(row, labels)
        ),
    )


def _read_json_lines(path: Path) -> SavedRows:
    def lines() -> _Numbered:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from enumerate(file, start=1)

    def prediction(line: str) -> Prediction:
        row = prediction_from_record(parse_json(line))
        if labels and row.probabilities and row.probabilities.keys() != set(labels):
            raise ValueError(
                f"its classes are {', '.join(row.probabilities)}, those of the rows before {', '.join(labels)}"
            )
        return row

    labels: tuple[str, ...] = ()
    for row in _parsed(path, lines(), prediction):
        if row.probabilities:
            labels = tuple(row.probabilities)
            break
    run = read_settings(path)
    return SavedRows(path, labels or run.labels, run, lambda: _parsed(path, lines(), prediction))


def _labels(header: list[str], path: Path) -> tuple[str, ...]:
    labels = tuple(name.removeprefix(PROBABILITY_PREFIX) for name in header if name.startswith(PROBABILITY_PREFIX))
    missing = [name for name in ("source", "status", "label") if name not in header]
    if missing or len(labels) < 2:
        lacks = missing[0] if missing else "p_CLASS for the classes"
        raise DataError(f"{path}: not a table of predictions, it has no column {lacks}", fix=_FIX)
    return labels


def _parsed(path: Path, rows: _Numbered, parse: Callable[[Any], Prediction]) -> Iterator[Prediction]:
    line, first, last = 0, None, None
    try:
        for number, row in rows:
            line = number
            prediction = parse(row)
            _check(prediction)
            if first is None or first.source != prediction.source:
                first = prediction
            elif last is not None and prediction.frame != first.frame:  # else the video was given a second time
                _check_order(last, prediction)
            last = prediction
            yield prediction
    except (csv.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}, line {line}: {error}", fix=_FIX) from error


def _check(row: Prediction) -> None:
    """Raise ValueError for values that no run writes, and which would change episodes and shares in silence."""
    if not isinstance(row.source, str):
        raise ValueError(f"the source is {row.source!r}, not a name")
    if row.status not in get_args(Status):
        raise ValueError(f"the status is {row.status!r}, none of {', '.join(get_args(Status))}")
    for name in _INTEGERS:
        value = getattr(row, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise ValueError(f"{name} is {value!r}, not a whole number")
    for name in _TEXTS:
        value = getattr(row, name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{name} is {value!r}, not a text")
    numbers = [row.time_s, *(row.probabilities or {}).values()]
    numbers += [] if row.detection is None else [*row.detection.box_xyxy, row.detection.score]
    for number in numbers:
        if number is not None and not (isinstance(number, int | float) and math.isfinite(number)):
            raise ValueError(f"{number!r} is not a finite number")
    if not all(0 <= value <= 1 for value in (row.probabilities or {}).values()):
        raise ValueError("a probability is not between 0 and 1")
    if row.time_s is not None and abs(row.time_s) > _MAX_TIME_S:
        raise ValueError(f"{row.time_s:g} s is not a time in a recording")


def _check_order(last: Prediction, row: Prediction) -> None:
    """Raise ValueError where a row of a video is earlier than the one before it."""
    if last.time_s is not None and row.time_s is not None and row.time_s < last.time_s:
        raise ValueError(
            f"the time goes back from {last.time_s:g} s to {row.time_s:g} s: sort the rows by source and time"
        )
