"""Tables of published and measured rows: inputs, refusals, markdown and csv."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.errors import DataError, ExitCode, UsageError
from fercli.evaluate.report import report


@pytest.fixture
def run(tmp_path: Path, result_folder):
    """Make a result of `fer eval`."""

    def make(name: str, accuracy: float, *, split: str = "test", counts: dict = {}, **facts: object) -> str:  # noqa: B006
        score = {
            "accuracy": accuracy,
            "mean_accuracy": accuracy - 0.3,
            "class_accuracy": {"neutral": accuracy, "contempt": None},
            **counts,
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
    assert row.note == "not the published test set: 3,153 images; selected by the validation split"
    assert {other.kind for other in table.rows if other is not row} == {"reported"}


def test_report__takes_runs_of_one_name_as_seeds(run):
    table = report("ferplus", [f"seeds={run('a', 0.90)}", f"seeds={run('b', 0.92)}", f"other={run('c', 0.5)}"])
    row = next(row for row in table.rows if row.method == "seeds")
    assert row.runs == 2
    assert (row.accuracy.value, row.accuracy.deviation) == pytest.approx((91.0, 2**0.5))
    assert "| seeds |  |  | 91.00 ± 1.41 | measured | 2 |" in table.as_markdown()


def test_report__takes_the_folder_of_a_training_run(result_folder, tmp_path):
    scores = {"val": {"accuracy": 0.7}, "test": {"accuracy": 0.8}}
    folder = result_folder(tmp_path / "run", scores, name="run", command="fer train 0.2.0", dataset="ferplus")
    row = next(row for row in report("ferplus", [str(folder)]).rows if row.method == "run")
    assert (row.accuracy.value, row.source) == (80.0, "fer train, test split, 6 of 3,153 images")


def test_report__takes_all_seeds_of_a_folder_as_one_method(result_folder, tmp_path):
    for seed, accuracy in ((0, 0.80), (1, 0.84)):
        result_folder(
            tmp_path / f"run/seed-{seed}", {"test": {"accuracy": accuracy}}, name=f"ferplus-btn-base-seed{seed}",
            seed=seed, sha256=str(seed), dataset="ferplus",
        )  # fmt: skip
    row = next(row for row in report("ferplus", [str(tmp_path / "run")]).rows if row.kind == "measured")
    assert (row.method, row.runs, row.accuracy.value) == ("ferplus-btn-base", 2, pytest.approx(82.0))
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished/config.json").write_text("{}")
    with pytest.raises(DataError, match="without a result yet"):
        report("ferplus", [str(tmp_path / "unfinished")])


@pytest.mark.parametrize(("images", "marked"), [(20, True), (3068, False)])
def test_report__marks_a_score_of_other_images_than_the_published_ones(run, capsys, images: int, marked: bool):
    # RAF-DB has 3,068 test images (Li et al. 2017)
    counts = {"images": images, "confusion": ((images, 0), (0, 0)), "class_images": {"neutral": images, "contempt": 0}}
    folder = run("a", 0.9, dataset="rafdb", counts=counts)
    table = report("table1", [folder])
    (row,) = (row for row in table.rows if row.kind == "measured")
    assert ("20 of 3,068 images" in row.source) is marked
    assert ("not the published test set" in row.note) is marked
    assert main(["report", "table1", "--run", folder]) == ExitCode.DONE
    assert ("not comparable with the published rows" in capsys.readouterr().err) is marked


def test_report__of_classes_takes_every_data_set(run):
    table = report("table4", [run("a", 0.9)])
    rows = list(csv.DictReader(table.as_csv().splitlines()))
    assert list(rows[0])[:6] == ["dataset", "method", "venue", "year", "neutral", "neutral_sd"]
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
    with pytest.raises(DataError, match="two runs have the same seed"):
        report("ferplus", [run("s", 0.5, seed=3), run("t", 0.6, seed=3)])
    with pytest.raises(UsageError, match="unknown table"):
        report("table9")


def test_command__prints_markdown_and_writes_it(run, tmp_path, capsys):
    assert main(["report", "ferplus", "--run", run("a", 0.9), "--out", str(tmp_path / "out")]) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert (tmp_path / "out/ferplus.md").read_text() == printed
    assert printed.startswith("**FERPlus, accuracy %**\n\n| method | venue | year | accuracy |")
    assert (tmp_path / "out/ferplus.csv").is_file()
    assert main(["report", "table1", "--run", str(tmp_path)]) == ExitCode.DATA
