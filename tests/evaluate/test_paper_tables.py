"""Tables of published and measured rows: inputs, refusals, markdown and csv."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.errors import DataError, ExitCode, UsageError
from fercli.evaluate.paper_tables import as_csv, as_markdown, report


@pytest.fixture
def run(tmp_path: Path, result_folder):
    """Make a result of `fer eval`."""

    def make(name: str, accuracy: float, *, split: str = "test", **facts: object) -> str:
        score = {
            "accuracy": accuracy,
            "mean_accuracy": accuracy - 0.3,
            "class_accuracy": {"neutral": accuracy, "contempt": None},
        }
        facts = {"dataset": "ferplus", "sha256": name, "selected_by": "the validation split", **facts}
        return str(result_folder(tmp_path / name, {split: score}, name="mine", **facts))

    return make


def test_report__marks_measured_rows_and_sorts_them_in(run):
    table = report("ferplus", [run("a", 0.9)])
    ranks = {row.method: rank for rank, row in enumerate(table.rows)}
    assert ranks["mine"] < ranks["DDAMFN"] < ranks["GReFEL"]
    row = table.rows[ranks["mine"]]
    assert (row.kind, row.runs, row.accuracy.value, row.accuracy.deviation) == ("measured", 1, 90.0, None)
    assert row.note == "selected by the validation split"
    assert {other.kind for other in table.rows if other is not row} == {"reported"}


def test_report__takes_runs_of_one_name_as_seeds(run):
    table = report("ferplus", [f"seeds={run('a', 0.90)}", f"seeds={run('b', 0.92)}", f"other={run('c', 0.5)}"])
    row = next(row for row in table.rows if row.method == "seeds")
    assert row.runs == 2
    assert (row.accuracy.value, row.accuracy.deviation) == pytest.approx((91.0, 2**0.5))
    assert "| seeds |  | 91.00 ± 1.41 | measured | 2 |" in as_markdown(table)


def test_report__takes_the_folder_of_a_training_run(result_folder, tmp_path):
    scores = {"val": {"accuracy": 0.7}, "test": {"accuracy": 0.8}}
    folder = result_folder(tmp_path / "run", scores, name="run", command="fer train 0.2.0", dataset="ferplus")
    row = next(row for row in report("ferplus", [str(folder)]).rows if row.method == "run")
    assert (row.accuracy.value, row.source) == (80.0, "fer train, test split, 6 images")


def test_report__of_classes_takes_every_data_set(run):
    table = report("table4", [run("a", 0.9)])
    rows = list(csv.DictReader(as_csv(table).splitlines()))
    assert list(rows[0])[:5] == ["dataset", "method", "year", "neutral", "neutral_sd"]
    mine = next(row for row in rows if row["which"] == "measured")
    assert (mine["dataset"], mine["neutral"], mine["contempt"], mine["mean"]) == ("ferplus", "90.0", "", "60.0")


def test_report__refuses_results_that_do_not_fit_together(run):
    first = run("a", 0.9)
    with pytest.raises(DataError, match="measured on ferplus"):
        report("table1", [first])
    with pytest.raises(DataError, match="same weights are given as two runs"):
        report("ferplus", [f"x={first}", f"x={first}"])
    with pytest.raises(DataError, match="differ in split"):
        report("ferplus", [f"x={first}", f"x={run('b', 0.9, split='val')}"])
    with pytest.raises(UsageError, match="unknown table"):
        report("table9")


def test_command__prints_markdown_and_writes_it(run, tmp_path, capsys):
    assert main(["report", "ferplus", "--run", run("a", 0.9), "--out", str(tmp_path / "out")]) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert (tmp_path / "out/ferplus.md").read_text() == printed
    assert printed.startswith("**FERPlus, accuracy %**\n\n| method | year | accuracy |")
    assert (tmp_path / "out/ferplus.csv").is_file()
    assert main(["report", "table1", "--run", str(tmp_path)]) == ExitCode.DATA
