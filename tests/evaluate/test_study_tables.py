"""The paper's ablation studies: layout, measured studies and results beside the published scores."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.errors import DataError, ExitCode
from fercli.evaluate.report import report


@pytest.fixture
def study(tmp_path: Path):
    """Write a study as `fer ablate` does, and return its folder."""

    def write(name: str, scores: dict[str, tuple[float, float | None]], *, data: str, images: int = 3068) -> str:
        rows = [{"name": row, "accuracy": {"mean": mean, "sd": sd, "n": 2}} for row, (mean, sd) in scores.items()]
        record = {"data": data, "split": "test", "images": images, "seeds": [0, 1], "rows": rows}
        folder = tmp_path / f"ablate-{data}"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(record))
        return str(folder)

    return write


def test_report__of_components_has_measured_scores_beside_published_ones(study):
    folder = study("components", {"baseline": (0.9, 0.01), "MLA + BT": (0.91, None)}, data="rafdb")
    text = report("table5", [folder]).as_markdown()
    assert "| components | rafdb, reported | rafdb, measured, 2 runs |" in text
    assert "| baseline | 92.21 | 90.00 ± 1.00 |" in text
    assert "| BT | 91.98 |  |" in text
    assert "| MLA + BT | 92.54 | 91.00 |" in text
    assert "fer ablate, test split, 3,068 images" in text


def test_report__of_batch_sizes_has_data_sets_as_rows_like_the_paper(study):
    folder = study("batch-size", {"16": (0.5, 0.01), "48": (0.6, 0.01)}, data="affectnet7", images=20)
    table = report("table7", [folder])
    lines = table.as_markdown().splitlines()
    assert lines[2] == "| dataset | which | 16 | 32 | 64 | 128 | 144 | 256 | 48 | runs |"
    assert lines[4].startswith("| rafdb | reported | 91.13 | 91.66 | 92.54 | 92.34 | 92.43 | 91.62 |")
    assert [line.split(" | ")[0] for line in lines[5:8]] == ["| affectnet7", "| affectnet7", "| affectnet8"]
    assert "| 50.00 ± 1.00 |  |  |  |  |  | 60.00 ± 1.00 | 2 |" in lines[6]
    assert "scored on 20 of 3,500 test images" in table.warnings[0]


def test_report__of_a_study_marks_other_data_and_takes_some_rows(study):
    folder = study("losses-vit-bt-cba", {"VIT": (0.5, 0.01)}, data="ferplus")
    table = report("table8", [folder])
    assert table.warnings == (
        "ferplus, measured, 2 runs: not a data set of this table: compare the differences, not the levels",
    )
    rows = list(csv.DictReader(table.as_csv().splitlines()))
    assert [row["accuracy"] for row in rows] == ["92.14", "92.14", "92.4", "92.54", "50.0"]


def test_report__takes_results_by_setting(result_folder, tmp_path):
    for seed, accuracy in ((0, 0.80), (1, 0.84)):
        result_folder(
            tmp_path / f"run/seed-{seed}", {"test": {"accuracy": accuracy}}, dataset="rafdb", sha256=str(seed)
        )
    table = report("table6", [f"2={tmp_path / 'run'}"])
    measured = table.series[-1]
    assert measured.scores["2"].value == pytest.approx(82.0)
    assert "| 2 | 92.54 | 82.00 ± 2.83 |" in table.as_markdown()


def test_report__names_a_folder_without_the_study(study, tmp_path, capsys):
    folder = study("losses", {"VIT": (0.5, None)}, data="rafdb")
    with pytest.raises(DataError, match="has no study components"):
        report("table5", [folder])
    for text in ("{}", "[" * 200_000, '{"rows": [], "data": 1}', '{"rows": [1]}'):
        (Path(folder) / "losses.json").write_text(text)
        with pytest.raises(DataError, match="is not a study"):
            report("table8", [folder])
    assert main(["report", "table7", "--out", str(tmp_path / "out"), "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["series"][0]["scores"]["64"] == {"value": 92.54, "deviation": None}
    assert (tmp_path / "out/table7.md").read_text().startswith("**Batch size, accuracy %**")
