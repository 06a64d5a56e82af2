"""A study with a fake trainer: which runs are trained, which are not trained again, and that the table agrees with the runs."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.config.presets import MODELS, RECIPES
from fercli.errors import DataError
from fercli.evaluate.result_file import ModelFacts, ResultFile, read_result, write_result
from fercli.evaluate.scores import score_matrix
from fercli.train.ablation.ablate import ablate, plan
from fercli.train.ablation.studies import build_study
from fercli.weights.run_folder import RunConfig, RunFolder

CONFIG = RunConfig(dataset="rafdb", data=None, model=MODELS["btn-tiny"], train=RECIPES["compact"], init=())


class Trainer:
    """Scores 80 %, one point more per loss besides L_VIT, a tenth of a point more per seed, two points less with MLA."""

    def __init__(self) -> None:
        self.trained: list[Path] = []

    def __call__(self, config: RunConfig, folder: Path) -> None:
        self.trained.append(folder)
        loss, model = config.train.loss, config.model
        accuracy = 0.8 + 0.01 * (loss.bt + loss.cba) + 0.001 * config.train.seed
        accuracy -= 0.02 * (model.ablate.mla_only != "none") + 0.005 * config.train.seed * (model.bt.source == "s3")
        toy = score_matrix(np.array([[1000, 0], [0, 0]]), split="test", labels=("fear", "anger"))
        scores = tuple(
            replace(toy, split=split, accuracy=value, mean_accuracy=value - 0.1)
            for split, value in (("val", 0.5), ("test", accuracy))
        )
        folder.mkdir(parents=True)
        result = ResultFile(
            command="fer train 0.2.0", dataset="rafdb", fingerprint=None, labels=toy.labels,
            model=ModelFacts("toy", "1", "btn-tiny", "torch", "cpu"), selection="last", selected_by=None, epoch=3,
            seed=config.train.seed, test_time_augmentation=None, scores=scores, predictions={},
        )  # fmt: skip
        write_result(RunFolder(folder).result, result)


def run(
    out: Path,
    trainer: Trainer,
    name: str = "components",
    seeds: tuple[int, ...] = (0, 1, 2),
    config: RunConfig = CONFIG,
    schema: str = "rafdb",
):
    return ablate(build_study(name), out, config=config, seeds=seeds, trainer=trainer, data="RAF-DB", schema=schema)


def test_ablate__trains_every_row_with_every_seed_and_compares_with_the_baseline(tmp_path: Path):
    trainer = Trainer()
    result = run(tmp_path, trainer)
    assert len(trainer.trained) == len(set(trainer.trained)) == 12
    rows = {row.name: row for row in result.rows}
    assert (result.split, result.images) == ("test", 1000)
    assert rows["baseline"].accuracy.mean == pytest.approx(0.801)
    assert rows["baseline"].accuracy.sd == pytest.approx(0.001)
    assert rows["baseline"].difference is None
    assert rows["MLA + BT"].difference.mean == pytest.approx(0.02)
    # BT: 2 points above the baseline with seed 0, 0.5 points less with every seed
    bt = rows["BT"].difference
    assert bt.mean == pytest.approx(0.015)
    # by hand: sd 0.005, error 0.0028868, t(2) 4.30265
    assert bt.interval == pytest.approx((0.015 - 0.0124207, 0.015 + 0.0124207), abs=1e-6)
    # t(2) = 0.015 / 0.0028868 = 5.196; the two other rows never vary (p = 0), so Holm leaves the largest p as it is
    assert bt.p == pytest.approx(0.0351, abs=1e-4)
    assert rows["BT"].p_holm == pytest.approx(bt.p)


def test_ablate__finished_runs_are_not_trained_again(tmp_path: Path):
    first, again, more, other = Trainer(), Trainer(), Trainer(), Trainer()
    run(tmp_path, first)
    run(tmp_path, again)
    run(tmp_path, more, seeds=(0, 1, 2, 3))
    assert (len(first.trained), len(again.trained), len(more.trained)) == (12, 0, 4)
    # Table 8's first and last rows are Table 5's baseline and whole model
    run(tmp_path, other, name="losses")
    assert len(other.trained) == 6


def test_ablate__continues_after_a_run_that_failed(tmp_path: Path):
    class FailingError(Exception):
        pass

    good = Trainer()

    def failing(config: RunConfig, folder: Path) -> None:
        if len(good.trained) == 5:
            raise FailingError
        good(config, folder)

    with pytest.raises(FailingError):
        run(tmp_path, failing)
    assert sum(run.done for run in plan(build_study("components"), tmp_path, config=CONFIG, seeds=(0, 1, 2))) == 5
    assert not (tmp_path / "components.md").exists()
    # whole pairs first: with one seed, every row is there
    assert [run.seed for run in plan(build_study("components"), tmp_path, config=CONFIG, seeds=(0, 1))] == [0] * 4 + [
        1
    ] * 4
    rest = Trainer()
    run(tmp_path, rest)
    assert len(rest.trained) == 7


def test_ablate__files_hold_the_published_numbers_beside_the_measured_ones(tmp_path: Path):
    result = run(tmp_path, Trainer())
    assert all(path.stat().st_size for path in result.files)
    text = (tmp_path / "components.md").read_text()
    assert "| baseline | 92.21 (RAF-DB) | 80.10 ± 0.10 | 70.10 ± 0.10 | - | - | - |" in text
    assert "| MLA | 90.97 (RAF-DB) | 78.10 ± 0.10 | 68.10 ± 0.10 | -2.00" in text
    assert "| BT | 91.98 (RAF-DB) | 81.60" in text
    assert "does not define its row MLA" in text
    with (tmp_path / "components.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["published"] for row in table] == [
        "92.21 (RAF-DB)",
        "90.97 (RAF-DB)",
        "91.98 (RAF-DB)",
        "92.54 (RAF-DB)",
    ]
    assert [row["accuracy"] for row in table] == ["80.10", "78.10", "81.60", "82.10"]
    with (tmp_path / "components-runs.csv").open() as file:
        runs = list(csv.DictReader(file))
    assert len(runs) == 12
    assert {row["folder"] for row in runs} == {path.name for path in (tmp_path / "runs").iterdir()}
    assert json.loads((tmp_path / "components.json").read_text())["config"]["dataset"] == "rafdb"


def test_ablate__tables_have_the_attention_of_the_last_epoch(tmp_path: Path):
    class Diagnosed(Trainer):
        """Writes two epochs of metrics, with an own weight of 0.2 and a tenth more per seed where there is L_CBA."""

        def __call__(self, config: RunConfig, folder: Path) -> None:
            super().__call__(config, folder)
            own = f"{0.2 + 0.1 * config.train.seed}" if config.train.loss.cba else ""
            lines = ["epoch,attention_own,vit_on_wrong", "1,0.9,0.9", f"2,{own},0.5"]
            RunFolder(folder).metrics.write_text("\n".join(lines) + "\n", encoding="utf-8")

    run(tmp_path, Diagnosed(), name="losses")
    text = (tmp_path / "losses.md").read_text(encoding="utf-8")
    assert "| losses, last epoch | own weight | P_VIT right on wrong labels |" in text
    assert "| VIT | - | 0.50 |" in text
    assert "| VIT + CBA | 0.30 | 0.50 |" in text
    with (tmp_path / "losses.csv").open(encoding="utf-8") as file:
        table = {row["row"]: row for row in csv.DictReader(file)}
    assert [table[name]["attention_own"] for name in ("VIT", "VIT + CBA")] == ["", "0.3000"]
    with (tmp_path / "losses-runs.csv").open(encoding="utf-8") as file:
        owns = [row["attention_own"] for row in csv.DictReader(file) if row["row"] == "VIT + CBA"]
    assert owns == ["0.2", "0.3", "0.4"]


def test_ablate__published_numbers_are_of_the_same_data_however_it_was_named(tmp_path: Path):
    other = "None of the published numbers is from this data set"
    result = run(tmp_path / "a", Trainer(), config=replace(CONFIG, dataset="/faces/basic"))
    assert [row.same_data for row in result.rows] == [True] * 4
    assert other not in (tmp_path / "a" / "components.md").read_text()
    result = run(tmp_path / "b", Trainer(), schema="folder")
    assert not any(row.same_data for row in result.rows)
    assert other in (tmp_path / "b" / "components.md").read_text()


def test_ablate__one_seed_has_no_test_and_a_note(tmp_path: Path):
    result = run(tmp_path, Trainer(), seeds=(0,))
    assert [row.difference.p for row in result.rows if row.difference] == [None] * 3
    assert "One seed has neither interval nor test" in (tmp_path / "components.md").read_text()


def test_ablate__names_a_file_that_is_not_a_result(tmp_path: Path):
    run(tmp_path, Trainer(), seeds=(0,))
    broken = plan(build_study("components"), tmp_path, config=CONFIG, seeds=(0,))[2].folder
    RunFolder(broken).result.write_text("{}")
    with pytest.raises(DataError, match=broken.name):
        run(tmp_path, Trainer(), seeds=(0,))


@pytest.mark.parametrize(
    ("bad_rows", "bad_seeds"), [(("baseline", "BT"), (0, 1, 2)), (("BT",), (0, 1, 2)), (("BT",), (1,))]
)
def test_ablate__says_where_all_predictions_are_one_class(tmp_path: Path, capsys, bad_rows, bad_seeds):
    def of_row(config: RunConfig) -> str:
        if config.model.bt.source == "s3":
            return "BT"
        plain = config.train.loss.bt == 0 and config.model.ablate.mla_only == "none"
        return "baseline" if plain else "other"

    def trainer(config: RunConfig, folder: Path) -> None:
        Trainer()(config, folder)
        result = read_result(folder)
        table = [[5, 0], [5, 0]] if of_row(config) in bad_rows and config.train.seed in bad_seeds else [[4, 1], [2, 3]]
        score = score_matrix(np.array(table), split="test", labels=("fear", "anger"))
        write_result(folder / "result.json", replace(result, scores=(score,)))

    result = run(tmp_path, trainer)
    rows = {row.name: row for row in result.rows}
    assert rows["BT"].collapsed == bad_seeds
    text = (tmp_path / "components.md").read_text()
    everywhere = len(bad_seeds) == 3
    assert ("BT: all predictions are one class; it is compared with no row" in text) is everywhere
    assert ("BT: all predictions are one class with seed 1." in text) is not everywhere
    assert (rows["BT"].difference.p is None) is everywhere
    assert (rows["MLA + BT"].difference.p is None) is ("baseline" in bad_rows)
    line = next(line for line in text.splitlines() if line.startswith("| BT |"))
    if everywhere:
        assert "| all predictions are one class | - | - |" in line
        assert "+0.00" not in line
