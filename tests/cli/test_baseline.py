"""fer baseline from the command line."""

from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.results import Face, Prediction
from fercli.rows.formats import open_table
from fercli.rows.read import read_rows

LABELS = ("neutral", "sadness")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A second of somebody who rests sad."""
    face, sad = Face((0.0, 0.0, 90.0, 90.0), 0.95, None), {"neutral": 0.1, "sadness": 0.9}
    with open_table(tmp_path / "rows.csv", LABELS) as rows:
        for frame in range(10):
            rows.add([Prediction("a.mp4", "ok", frame, frame / 10, 0, face, "sadness", sad, track=1)])
    return tmp_path / "rows.csv"


def test_baseline__writes_a_corrected_table(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "new.parquet"
    assert main(["baseline", str(table), "0:00-0:01", "--save", str(out)]) == 0
    assert {(row.label, row.baseline) for row in read_rows(out).predictions()} == {("neutral", "0:00.0 to 0:01.0")}
    assert "baseline subtracted from 10 faces" in capsys.readouterr().err


def test_baseline__of_people_who_are_named_in_a_file(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "names.csv").write_text("source;track;name\na.mp4;1;Anna\na.mp4;9;Ben\n", encoding="utf-8")
    (tmp_path / "rest.csv").write_text("person;span\nAnna;0:00-0:01\n", encoding="utf-8")
    out = tmp_path / "new.csv"
    options = ["--people", str(tmp_path / "names.csv"), "--save", str(out)]
    assert main(["baseline", str(table), str(tmp_path / "rest.csv"), *options]) == 0
    assert {(row.person, row.track, row.label) for row in read_rows(out).predictions()} == {("Anna", 1, "neutral")}
    assert read_rows(out).run.settings["names of people"] == "given"
    assert "the name Ben (line 3) is not used" in capsys.readouterr().err


def test_baseline__refuses_what_is_neither_span_nor_file(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["baseline", str(table), "people.csv", "--save", str(tmp_path / "new.csv")]) == 2
    assert "people.csv: neither a span, nor auto, nor a file" in capsys.readouterr().err


def test_baseline__keeps_an_existing_table(table: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["baseline", str(table), "auto", "--save", str(table)]) == 1
    assert "already exists" in capsys.readouterr().err
