"""Table formats by suffix: complete files or none, and a further format as one entry."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet
import pytest

from fercli.errors import RefusedError, UsageError
from fercli.results import Prediction
from fercli.rows.formats import TABLE_FORMATS, open_table
from fercli.rows.table import TableFormat


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_table__takes_names_of_any_bytes(write, suffix: str, tmp_path: Path):
    name = os.fsdecode(b"\xff.jpg")
    path = write(tmp_path / f"a{suffix}", Prediction(name, "unreadable", detail="no"))
    if suffix == ".csv":
        assert b"\\xff.jpg,," in path.read_bytes()
    elif suffix == ".parquet":
        assert pyarrow.parquet.read_table(path)["source"].to_pylist() == ["\\xff.jpg"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_table__leaves_nothing_when_it_is_interrupted(labels, classified, suffix: str, tmp_path: Path):
    def interrupted() -> None:
        with open_table(tmp_path / f"a{suffix}", labels) as table:
            table.add([classified])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_table__refuses_what_it_cannotwrite(labels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match=r"unknown table format \.xls"), open_table(tmp_path / "a.xls", labels):
        pass
    (tmp_path / "a.csv").touch()
    with pytest.raises(RefusedError, match="already"), open_table(tmp_path / "a.csv", labels):
        pass
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RefusedError, match="pyarrow"), open_table(tmp_path / "a.parquet", labels):
        pass


def test_formats__a_further_one_is_one_entry(
    labels, classified, without_face, write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Statuses:
        def __init__(self, path: Path) -> None:
            self._path = path

        def add(self, predictions: Sequence[Prediction]) -> None:
            self._path.write_text("\n".join(prediction.status for prediction in predictions))

    @contextmanager
    def toy(path: Path, labels: Sequence[str], settings: Mapping[str, object]) -> Iterator[Statuses]:
        yield Statuses(path)

    monkeypatch.setitem(TABLE_FORMATS, ".toy", TableFormat(toy))
    assert write(tmp_path / "a.toy", classified, without_face).read_text() == "uncertain\nno_face"


@pytest.mark.parametrize("name", ["=1+1.jpg", "@SUM(A1).jpg", "+a.jpg", "-a.jpg", "\t=a.jpg", "a=b.jpg"])
def test_csv_for_spreadsheets__has_no_formulas(name: str, tmp_path: Path):
    for bom in (True, False):
        with open_table(tmp_path / "rows.csv", ("neutral",), overwrite=True, bom=bom) as table:
            table.add([Prediction(name, "no_face")])
        with (tmp_path / "rows.csv").open(newline="", encoding="utf-8-sig") as file:
            source = next(csv.DictReader(file))["source"]
        assert source == (f"'{name}" if bom and name != "a=b.jpg" else name)
