"""Several seeds of a run are scored together: a table by seed, mean and standard deviation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.cli.main import main
from fercli.config.model import BtnConfig, InputConfig
from fercli.config.templates import template
from fercli.errors import ExitCode
from fercli.evaluate import evaluate as step
from fercli.evaluate.seed_scores import seed_score
from fercli.weights.card import WeightsCard


class Fake:
    """Predicts one class for every image."""

    engine, device = "onnx", "cpu"

    def __init__(self, seed: int, label: int) -> None:
        self.card = WeightsCard(
            f"toy-seed{seed}", "1", ("fear", "anger"), "toy", template("arcface"), BtnConfig(input=InputConfig(size=4)),
            provenance={"recipe": {"seed": seed}},
        )  # fmt: skip
        self._row = np.array([[0.9, 0.1], [0.1, 0.9]][label], np.float32)

    def classify(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(self._row, (len(crops), 1))

    def logits(self, crops: np.ndarray) -> np.ndarray:
        return np.log(self.classify(crops))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The runs of seeds 2 and 10, and three test images. Seed 2 is right on two of them (fear), seed 10 on one (anger)."""
    seeds = {"seed-2": Fake(2, 0), "seed-10": Fake(10, 1)}
    for name in seeds:
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.json").write_text("{}")
    monkeypatch.setattr(step, "load_classifier", lambda weights, *_, **__: seeds[Path(weights).name])
    monkeypatch.setattr(step, "add_network_size", lambda model, *_: model)
    for name in ("fear/a", "fear/b", "anger/c"):
        path = tmp_path / f"data/test/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path)
    return tmp_path / "runs", tmp_path / "data"


def test_eval__of_several_seeds_states_each_and_their_mean(runs, capsys):
    assert main(["eval", *map(str, runs), "--quiet"]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    first, second, mean = (next(line for line in lines if name in line) for name in ("seed-2", "seed-10", "mean ± sd"))
    assert "66.67" in first
    assert "33.33" in second
    assert lines.index(first) < lines.index(second)  # by number, not by letters
    assert "50.00 ± 23.57" in mean  # sqrt(2) * (2/3 - 1/3) / 2
    fear = next(line for line in lines if line.split()[:2] == ["fear", "2"])
    assert "50.00 ± 70.71" in fear
    assert "100.00 0.00" in fear


def test_eval__of_several_seeds_writes_a_folder_for_each(runs, tmp_path: Path, capsys):
    line = ["eval", *map(str, runs), "--out", str(tmp_path / "out"), "--json"]
    assert main(line) == ExitCode.DONE
    output = capsys.readouterr()
    record = json.loads(output.out)
    assert record["runs"] == [{"seed": 2, "folder": "seed-2"}, {"seed": 10, "folder": "seed-10"}]
    assert record["scores"][0]["accuracies"] == pytest.approx([2 / 3, 1 / 3])
    assert record["scores"][0]["class_accuracy"]["anger"]["mean"] == pytest.approx(0.5)
    assert json.loads((tmp_path / "out/seeds.json").read_text()) == record
    assert json.loads((tmp_path / "out/seed-10/result.json").read_text())["seed"] == 10
    assert "warning: seed-2: all predictions of 3 images are one class, fear" in output.err
    assert main(line) == ExitCode.REFUSED
    assert main(["report", "table4", "--run", str(tmp_path / "out")]) == ExitCode.DONE
    assert "50.00 ± 70.71" in capsys.readouterr().out  # fear: 100 and 0


def test_weights__of_several_seeds_are_the_first_ones_with_a_warning(runs, capsys):
    from fercli.cli.options import one_seed

    assert one_seed(str(runs[0])) == str(runs[0] / "seed-2")
    assert f"has the runs of 2 seeds: seed-2 is used; others: {runs[0] / 'seed-10'}" in capsys.readouterr().err
    assert one_seed("fer-compact") == "fer-compact"
    assert one_seed(None) is None
    assert one_seed(str(runs[0] / "seed-10")) == str(runs[0] / "seed-10")
    assert capsys.readouterr().err == ""


def test_seed_score__divides_by_n_minus_one():
    assert seed_score([0.1, 0.2, 0.3]).sd == pytest.approx(0.1)
    assert seed_score([0.1]).sd is None
