"""Tables of predictions in every format, complete or absent."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet
import pytest

from fercli.errors import RefusedError, UsageError
from fercli.predict.rows import columns, prediction_from_row, prediction_record
from fercli.predict.tables.formats import TABLE_FORMATS, open_table
from fercli.predict.tables.parquet import open_parquet
from fercli.predict.tables.table import TableFormat
from fercli.results import Face, Prediction

LABELS = ("neutral", "happiness")
FACE = Face((10.0, 20.5, 50.0, 60.0), 0.98765, ((20, 25), (40, 25), (30, 35), (22, 48), (38, 48)))
READ = Prediction(
    "a.mp4",
    "uncertain",
    frame=3,
    time_s=0.1201,
    face=0,
    detection=FACE,
    label="happiness",
    probabilities={"neutral": 0.45, "happiness": 0.55},
    detail="probability 55 % is below the model's threshold of 60 %",
    track=7,
    detected=False,
    smoothing_s=0.5,
)
NOBODY = Prediction("a.mp4", "no_face", frame=4, time_s=0.16, detail="no face detected")


def _write(path: Path, *predictions: Prediction) -> Path:
    with open_table(path, LABELS, settings={"minimum face size": "20 px"}) as table:
        table.add(predictions)
    return path


def test_csv__has_a_column_per_class_and_reads_back(tmp_path: Path):
    with _write(tmp_path / "a.csv", READ, NOBODY).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [column.name for column in columns(LABELS)]
    assert len(set(rows[0])) == len(columns(LABELS))
    assert (rows[0]["p_happiness"], rows[0]["nose_x"], rows[0]["track"]) == ("0.55", "30", "7")
    assert (rows[1]["status"], rows[1]["p_neutral"], rows[1]["box_left"]) == ("no_face", "", "")
    assert [prediction_record(prediction_from_row(row, LABELS)) for row in rows] == [
        prediction_record(READ),
        prediction_record(NOBODY),
    ]


def test_json_lines__are_what_the_command_prints(tmp_path: Path):
    lines = [json.loads(line) for line in _write(tmp_path / "a.jsonl", READ, NOBODY).read_text().splitlines()]
    assert lines[0]["probabilities"] == {"neutral": 0.45, "happiness": 0.55}
    assert lines[0]["box_xyxy"] == [10, 20.5, 50, 60]
    assert lines[0]["landmarks"][2] == [30, 35]
    assert (lines[0]["smoothing_s"], lines[0]["detected"], lines[1]["probabilities"]) == (0.5, False, None)


def test_parquet__has_types_settings_and_groups_of_rows(tmp_path: Path):
    path = tmp_path / "a.parquet"
    with open_parquet(path, LABELS, {"minimum face size": "20 px"}, group_rows=2) as table:
        for _ in range(5):
            table.add([READ])
        table.add([NOBODY])
    with pyarrow.parquet.ParquetFile(path) as file:
        assert file.metadata.num_row_groups == 3
        assert json.loads(file.schema_arrow.metadata[b"fer"])["minimum face size"] == "20 px"
        rows = file.read().to_pylist()
    assert [row["frame"] for row in rows] == [3, 3, 3, 3, 3, 4]
    assert (rows[0]["detected"], rows[0]["p_happiness"], rows[0]["time_s"]) == (False, 0.55, 0.1201)
    assert rows[-1]["p_happiness"] is None
    assert rows[0]["detection_score"] == 0.9877


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_table__takes_names_of_any_bytes(suffix: str, tmp_path: Path):
    name = os.fsdecode(b"\xff.jpg")
    path = _write(tmp_path / f"a{suffix}", Prediction(name, "unreadable", detail="no"))
    if suffix == ".csv":
        assert b"\\xff.jpg,," in path.read_bytes()
    elif suffix == ".parquet":
        assert pyarrow.parquet.read_table(path)["source"].to_pylist() == ["\\xff.jpg"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_table__leaves_nothing_when_it_is_interrupted(suffix: str, tmp_path: Path):
    def interrupted() -> None:
        with open_table(tmp_path / f"a{suffix}", LABELS) as table:
            table.add([READ])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_table__refuses_what_it_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match=r"unknown table format \.xls"), open_table(tmp_path / "a.xls", LABELS):
        pass
    (tmp_path / "a.csv").touch()
    with pytest.raises(RefusedError, match="already"), open_table(tmp_path / "a.csv", LABELS):
        pass
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RefusedError, match="pyarrow"), open_table(tmp_path / "a.parquet", LABELS):
        pass


def test_formats__a_further_one_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Statuses:
        def __init__(self, path: Path) -> None:
            self._path = path

        def add(self, predictions: Sequence[Prediction]) -> None:
            self._path.write_text("\n".join(prediction.status for prediction in predictions))

    @contextmanager
    def toy(path: Path, labels: Sequence[str], settings: Mapping[str, object]) -> Iterator[Statuses]:
        yield Statuses(path)

    monkeypatch.setitem(TABLE_FORMATS, ".toy", TableFormat(toy))
    assert _write(tmp_path / "a.toy", READ, NOBODY).read_text() == "uncertain\nno_face"
