"""Tables read back with their settings, also those of earlier versions."""

from __future__ import annotations

import csv
import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pandas
import pyarrow
import pyarrow.parquet
import pytest

from fercli.errors import DataError
from fercli.rows.formats import open_table
from fercli.rows.read import read_rows
from fercli.rows.records import prediction_record
from fercli.rows.run_record import RunRecord, settings_path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_read_rows__returns_what_was_written(classified, without_face, write, suffix: str, tmp_path: Path):
    rows = read_rows(write(tmp_path / f"a{suffix}", classified, without_face))
    assert rows.labels == ("neutral", "happiness")
    read, written = (
        [prediction_record(prediction) for prediction in predictions]
        for predictions in (rows.predictions(), (classified, without_face))
    )
    assert read == written
    assert (rows.run.program, rows.run.uncertain_below) == ("fer 1", 0.6)
    assert rows.run.settings == {"minimum face size": "20 px"}


def test_read_rows__takes_the_csv_of_a_folder_with_a_byte_order_mark(labels, classified, tmp_path: Path):
    with open_table(tmp_path / "predictions.csv", labels, bom=True) as table:
        table.add([classified])
    assert (tmp_path / "predictions.csv").read_bytes().startswith(b"\xef\xbb\xbfsource,")
    rows = read_rows(tmp_path)
    assert [row.source for row in rows.predictions()] == ["a.mp4"]
    assert rows.run == RunRecord(labels=("neutral", "happiness"))


def test_read_rows__takes_csv_of_earlier_versions(tmp_path: Path):
    path = tmp_path / "old.csv"
    path.write_text(
        "source,frame,time_s,face,status,label,probability,p_neutral,p_happiness,box_left,box_top,box_right,box_bottom,"
        "detected\n"
        "a.mp4,0,0.0,0,ok,happiness,0.75,0.25,0.75,1,2,3,4,True\n"
        "a.mp4,1,0.04,,no_face,,,,,,,,,\n"
    )
    face, missing = read_rows(path).predictions()
    assert (face.track, face.detected, face.box_xyxy) == (None, True, (1, 2, 3, 4))
    assert dict(face.probabilities or {}) == {"neutral": 0.25, "happiness": 0.75}
    assert (missing.status, missing.probabilities) == ("no_face", None)


@pytest.mark.parametrize("options", [{}, {"sep": ";", "decimal": ","}], ids=["plain", "german"])
def test_read_rows__takes_csv_that_pandas_wrote_again(classified, without_face, write, options, tmp_path: Path):
    path = write(tmp_path / "a.csv", classified, without_face)
    expected = [prediction_record(prediction) for prediction in read_rows(path).predictions()]
    pandas.read_csv(path).to_csv(tmp_path / "b.csv", index=False, **options)  # face is 0.0 and empty
    assert [prediction_record(prediction) for prediction in read_rows(tmp_path / "b.csv").predictions()] == expected
    pandas.read_csv(path).to_parquet(tmp_path / "b.parquet")
    assert [prediction_record(prediction) for prediction in read_rows(tmp_path / "b.parquet").predictions()] == expected


def test_read_rows__takes_the_truth_of_a_german_spreadsheet(classified, write, tmp_path: Path):
    path = write(tmp_path / "a.csv", classified)
    path.write_text(path.read_text().replace("FALSE", "FALSCH"))
    assert not next(read_rows(path).predictions()).detected
    path.write_text(path.read_text().replace("FALSCH", "JA"))
    with pytest.raises(DataError, match="line 2: 'JA' is neither TRUE nor FALSE"):
        list(read_rows(path).predictions())


def test_read_rows__takes_flat_settings_of_earlier_parquet_files(tmp_path: Path):
    path = tmp_path / "old.parquet"
    table = pyarrow.table({"source": ["a"], "status": ["no_face"], "label": [None], "p_a": [None], "p_b": [None]})
    pyarrow.parquet.write_table(
        table.replace_schema_metadata({"fer": '{"program": "fer 0.2.0", "tracking": "on"}'}), path
    )
    rows = read_rows(path)
    assert (rows.run.program, dict(rows.run.settings), rows.labels) == ("fer 0.2.0", {"tracking": "on"}, ("a", "b"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "name,value\n", "no column source"),
        ("a.csv", "source,status,label\n", "no column p_CLASS"),
        ("a.csv", "source,status,label,p_a,p_b\nx,ok,a,much,0\n", r"a\.csv, line 2: could not convert"),
        ("a.jsonl", "[]\n", r"a\.jsonl, line 1"),
        ("a.jsonl", "[" * 200_000, r"a\.jsonl, line 1: lists and objects nest"),
        ("a.parquet", "no", "not a Parquet file"),
        ("a.txt", "", "not a .csv"),
    ],
)
def test_read_rows__refuses_other_files(name: str, text: str, message: str, tmp_path: Path):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        list(read_rows(tmp_path / name).predictions())
    with pytest.raises(DataError, match="no such file"):
        read_rows(tmp_path / "missing.csv")


def test_read_rows__refuses_settings_of_another_format(classified, write, tmp_path: Path):
    path = write(tmp_path / "a.csv", classified)
    settings_path(path).write_text('{"format": 9}')
    with pytest.raises(DataError, match="unknown format 9"):
        read_rows(path)
    settings_path(path).write_text("[]")
    with pytest.raises(DataError, match="not the settings"):
        read_rows(path)


@pytest.mark.parametrize("text", [b"[" * 200_000, b"{", b"[]", b"\xff"], ids=["deep", "cut", "list", "bytes"])
def test_read_rows__refuses_damaged_metadata_of_parquet(text: bytes, tmp_path: Path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    names = ["source", "status", "label", "p_a", "p_b"]
    table = pyarrow.table({name: ["x"] for name in names}).replace_schema_metadata({b"fer": text})
    write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: the settings in its metadata are damaged"):
        read_rows(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("time_s", "nan", "nan is not a finite number"),
        ("time_s", "inf", "inf is not a finite number"),
        ("p_neutral", "nan", "nan is not a finite number"),
        ("box_left", "-inf", "-inf is not a finite number"),
        ("time_s", "-5", "the time goes back from 0.5 s to -5 s: sort the rows"),
    ],
)
def test_read_rows__refuses_numbers_that_would_change_episodes_in_silence(
    column: str, value: str, message: str, classified, write, tmp_path: Path
):
    path = write(tmp_path / "a.csv", *(replace(classified, frame=frame, time_s=frame / 2) for frame in (1, 2)))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[1][column] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(DataError, match=f"line 3: {re.escape(message)}"):
        list(read_rows(path).predictions())


def test_read_rows__of_damaged_parquet_is_an_error_of_the_file(classified, write, tmp_path: Path):
    path = write(tmp_path / "a.parquet", *[classified] * 200)
    content, draw, refused = path.read_bytes(), random.Random(24), []
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(6):
            damaged[draw.randrange(4, len(damaged) - 8)] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            list(read_rows(path).predictions())
        except DataError as error:
            refused.append(error.message)
    assert len(refused) > 50
    assert all(str(path) in message for message in refused)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("source", 5, "the source is 5"),
        ("time_s", "abc", "'abc' is not a finite number"),
        ("time_s", -1e18, "-1e+18 s is not a time in a recording"),
        ("track", [1], r"track is [1], not a whole number"),
        ("frame", "x", "frame is 'x', not a whole number"),
        ("person", {"a": 1}, "person is {'a': 1}, not a text"),
    ],
)
def test_read_rows__refuses_json_of_other_types(
    name: str, value: object, message: str, classified, write, tmp_path: Path
):
    path = write(tmp_path / "a.jsonl", classified)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {name: value}), encoding="utf-8")
    with pytest.raises(DataError, match=f"line 1: {re.escape(message)}"):
        list(read_rows(path).predictions())


@pytest.mark.parametrize(
    "values", [{"settings": "abc"}, {"uncertain_below": "x"}, {"uncertain_below": float("nan")}, {"labels": [1, 2]}]
)
def test_read_rows__refuses_settings_of_other_types(values: dict[str, object], classified, write, tmp_path: Path):
    path = write(tmp_path / "a.csv", classified)
    settings_path(path).write_text(json.dumps({"format": 1, **values}), encoding="utf-8")
    with pytest.raises(DataError, match="not the settings of a table"):
        read_rows(path)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("source", pyarrow.array([7]), "the source is 7, not a name"),
        ("source", pyarrow.array([b"a"]), "the source is b'a', not a name"),
        ("time_s", pyarrow.array([{"a": 1}]), "is not a finite number"),
    ],
)
def test_read_rows__refuses_columns_of_other_types(
    name: str, values: pyarrow.Array, message: str, classified, write, tmp_path: Path
):
    path = write(tmp_path / "a.parquet", classified)
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.set_column(table.column_names.index(name), name, values), path)
    with pytest.raises(DataError, match=message):
        list(read_rows(path).predictions())


def test_read_rows__refuses_texts_that_fill_the_memory(classified, write, tmp_path: Path):
    path = write(tmp_path / "a.parquet", classified)
    table = pyarrow.parquet.read_table(path)
    index = table.column_names.index("detail")
    for text, message in (("x" * 200_000, "a text of more than 131,072 bytes"), ("x" * 80_000_000, "takes 80 MB")):
        pyarrow.parquet.write_table(table.set_column(index, "detail", pyarrow.array([text])), path, compression="zstd")
        assert path.stat().st_size < 100_000
        with pytest.raises(DataError, match=message):
            list(read_rows(path).predictions())


def test_read_rows__refuses_a_column_that_is_there_twice(classified, write, tmp_path: Path):
    path = write(tmp_path / "a.parquet", classified)
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.append_column("source", pyarrow.array(["b.mp4"])), path)
    with pytest.raises(DataError, match="the column source is there twice"):
        read_rows(path)


@pytest.mark.parametrize("name", ["=cmd|calc.mp4", "-1.mp4", "@a.mp4", "a.mp4", "'quoted'.mp4"])
def test_read_rows__of_a_table_for_spreadsheets_has_the_names_of_files(name: str, labels, classified, tmp_path: Path):
    with open_table(tmp_path / "a.csv", labels, bom=True) as table:
        table.add([replace(classified, source=name)])
    assert [row.source for row in read_rows(tmp_path / "a.csv").predictions()] == [name]


def test_read_rows__takes_a_video_that_was_given_twice(classified, write, tmp_path: Path):
    rows = [replace(classified, frame=frame, time_s=frame / 10) for frame in (0, 1, 2, 0, 1, 2)]
    read = read_rows(write(tmp_path / "a.csv", *rows)).predictions()
    assert [row.frame for row in read] == [0, 1, 2, 0, 1, 2]
    with pytest.raises(DataError, match=r"line 3: the time goes back from 0\.2 s to 0\.1 s"):
        list(read_rows(write(tmp_path / "b.csv", *rows[2::-1])).predictions())


def test_read_rows__refuses_json_lines_of_two_models(classified, write, tmp_path: Path):
    # cat a.jsonl b.jsonl: the classes of the second model were taken for those of the first
    other = replace(classified, label="anger", probabilities={"neutral": 0.2, "anger": 0.8})
    path = tmp_path / "both.jsonl"
    one, two = write(tmp_path / "a.jsonl", classified), write(tmp_path / "b.jsonl", other)
    path.write_text(one.read_text() + two.read_text())
    with pytest.raises(DataError, match=r"both.jsonl, line 2: its classes are neutral, anger, .* neutral, happiness"):
        list(read_rows(path).predictions())


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_read_rows__refuses_the_settings_of_another_model(suffix: str, classified, write, tmp_path: Path):
    path = write(tmp_path / f"a{suffix}", classified)
    settings = json.loads(settings_path(path).read_text())
    settings_path(path).write_text(json.dumps({**settings, "labels": ["neutral", "anger"]}))
    with pytest.raises(DataError, match="its classes are neutral, happiness, those of its settings neutral, anger"):
        read_rows(path)


def test_read_rows__refuses_probabilities_that_are_none(write, classified, tmp_path: Path):
    # they sum to 1
    path = write(tmp_path / "a.jsonl", classified)
    path.write_text(path.read_text().replace("0.45", "-0.5").replace('"happiness": 0.55', '"happiness": 1.5'))
    with pytest.raises(DataError, match="a probability is not between 0 and 1"):
        list(read_rows(path).predictions())
