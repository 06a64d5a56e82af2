"""`compare` over small tables: pairs by path, counts by hand, what does not fit refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.cli.main import main
from fercli.errors import DataError, ExitCode, RefusedError, UsageError
from fercli.evaluate.compare.compare import compare
from fercli.evaluate.prediction_table import PredictionTable, write_predictions

LABELS = ("neutral", "fear")


def write_table(path: Path, predictions: dict[str, tuple[str, str]]) -> None:
    """Write a table of predictions: source -> (truth, predicted), every prediction with a probability of 0.9."""
    probabilities = np.array([[0.9, 0.1] if label == "neutral" else [0.1, 0.9] for _, label in predictions.values()])
    truth, predicted = zip(*predictions.values(), strict=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_predictions(path, PredictionTable(tuple(predictions), LABELS, truth, predicted, probabilities))


def evaluation(folder: Path, predictions: dict[str, tuple[str, str]]) -> Path:
    """A folder of `fer eval --out` that has lost its result.json."""
    write_table(folder / "predictions.csv", predictions)
    return folder


PREDICTIONS_A = {
    "1": ("neutral", "neutral"), "2": ("neutral", "fear"), "3": ("fear", "neutral"), "4": ("fear", "fear"),
    "5": ("neutral", "fear"),
}  # fmt: skip
PREDICTIONS_B = {
    "5": ("neutral", "fear"), "4": ("fear", "neutral"), "3": ("fear", "fear"), "2": ("neutral", "neutral"),
    "1": ("neutral", "neutral"), "6": ("fear", "fear"),
}  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path, result_folder) -> tuple[Path, Path]:
    """Five common images: one both, two gained, one lost, one that neither; another only in B, in another order."""
    a, b = evaluation(tmp_path / "a", PREDICTIONS_A), evaluation(tmp_path / "b", PREDICTIONS_B)
    for folder, name, fingerprint in ((a, "old", "x"), (b, "new", "y")):
        named = {"test": "predictions.csv"}
        result_folder(folder, {"test": {}}, name=name, fingerprint=fingerprint, predictions=named)
    return a, b


def test_compare__pairs_images_by_path(pair):
    result = compare(*pair)
    test = result.test
    assert (test.images, test.both, test.only_a, test.only_b, test.neither) == (5, 1, 1, 2, 1)
    assert (result.a.name, result.b.name) == ("old", "new")
    assert (result.a.accuracy, result.b.accuracy) == pytest.approx((2 / 5, 3 / 5))
    assert result.b.mean_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (result.a.unpaired, result.b.unpaired) == (0, 1)
    assert [(c.source, c.kind) for c in result.changes] == [("2", "gained"), ("3", "gained"), ("4", "lost")]
    assert [(c.name, c.images, c.only_a, c.only_b) for c in result.classes] == [("neutral", 3, 0, 1), ("fear", 2, 1, 1)]
    assert "different data sets: x and y" in result.warnings[0]


def test_compare__takes_tables_alone(pair):
    result = compare(pair[0] / "predictions.csv", pair[0])
    assert result.test.p_value == 1.0
    assert result.changes == ()
    assert result.warnings == ()


def test_compare__writes_what_changed(pair, tmp_path):
    compare(*pair, out=tmp_path / "out")
    facts = json.loads((tmp_path / "out/comparison.json").read_text())
    assert facts["changed"] == {"gained": 2, "lost": 1, "neither": 0}
    assert facts["test"]["p_value"] == pytest.approx(1.0)  # 1 against 2
    with (tmp_path / "out/changed.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[2] == {
        "source": "4", "truth": "fear", "label_a": "fear", "label_b": "neutral", "probability_a": "0.900000",
        "probability_b": "0.900000", "kind": "lost",
    }  # fmt: skip
    with pytest.raises(RefusedError):
        compare(*pair, out=tmp_path / "out")


def test_compare__shows_the_images_that_changed(pair, tmp_path):
    for path, (label, _) in {"a/1": ("neutral", 0), "a/2": ("neutral", 0), "b/4": ("fear", 0)}.items():
        file = tmp_path / f"data/test/{label}/{path.replace('/', '-')}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (90, 60, 30)).save(file)
    paths = {
        "test/neutral/a-1.png": "neutral",
        "test/neutral/a-2.png": "neutral",
        "test/fear/b-4.png": "fear",
        "gone.png": "fear",
    }
    a = evaluation(tmp_path / "x", {path: (label, "neutral") for path, label in paths.items()})
    b = evaluation(tmp_path / "y", {path: (label, "fear") for path, label in paths.items()})
    compare(a, b, images=str(tmp_path / "data"), out=tmp_path / "out")
    page = (tmp_path / "out/compare.html").read_text()
    assert page.count("<img") == 3  # one gained, two lost; the fourth image is not in the data set
    assert page.index("b-4") < page.index("a-1")
    assert "http" not in page.replace("http-equiv", "")
    with pytest.raises(UsageError, match="needs a folder"):
        compare(a, b, images=str(tmp_path / "data"))


def test_compare__refuses_what_is_no_pair(pair, tmp_path):
    strangers = evaluation(tmp_path / "c", {"9": ("fear", "fear")})
    with pytest.raises(DataError, match="no image in common"):
        compare(pair[0], strangers)
    relabelled = evaluation(tmp_path / "d", {"1": ("fear", "fear")})
    with pytest.raises(DataError, match="disagree about the label of 1 image,"):
        compare(pair[0], relabelled)


def test_compare__takes_the_folder_of_a_training_run(pair, tmp_path, result_folder):
    run = tmp_path / "run"
    write_table(run / "predictions/best-test.csv", PREDICTIONS_B)
    result_folder(run, {"val": {}, "test": {}}, name="run", predictions={"test": "predictions/best-test.csv"})
    result = compare(pair[0], run)
    assert (result.b.name, result.test.only_b) == ("run", 2)


def test_command__shows_the_verdict(pair, capsys):
    assert main(["compare", *map(str, pair)]) == ExitCode.DONE
    output = capsys.readouterr()
    assert "+20.00" in output.out
    assert "No significant difference on these images" in output.out
    assert "different data sets" in output.err
    assert main(["compare", *map(str, pair), "--json", "-q"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["test"]["only_b"] == 2
    assert main(["compare", str(pair[0]), "nowhere"]) == ExitCode.DATA


def test_compare__warns_of_predictions_that_are_all_one_class(tmp_path: Path):
    collapsed = {name: (truth, "fear") for name, (truth, _) in PREDICTIONS_A.items()}
    a, b = evaluation(tmp_path / "a", PREDICTIONS_A), evaluation(tmp_path / "b", collapsed)
    (warning,) = compare(a, b).warnings
    assert warning == f"{b}: all predictions of 5 images are one class, fear: the network distinguishes no classes"


def test_command__gives_no_verdict_on_two_networks_that_predict_one_class(pair, tmp_path: Path, capsys):
    tables = [{name: (truth, label) for name, (truth, _) in PREDICTIONS_A.items()} for label in LABELS]
    a, b = (evaluation(tmp_path / name, table) for name, table in zip("cd", tables, strict=True))
    assert main(["compare", str(a), str(b)]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "No test: both predict one class for every image" in out
    assert "McNemar" not in out
    assert "ignificant" not in out
    assert main(["compare", str(a), str(b), "--json", "-q"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["collapsed"] is True
    assert main(["compare", str(pair[0]), str(b)]) == ExitCode.DONE  # only one of the two
    assert "McNemar" in capsys.readouterr().out


def test_command__takes_a_named_data_set_from_its_folder(tmp_path: Path, official_tree, capsys):
    root = official_tree("rafdb", each=1)
    names = [f"Image/aligned/test_{number:04d}_aligned.jpg" for number in (1, 2)]
    table = {names[0]: ("neutral", "fear"), names[1]: ("fear", "fear")}
    a, b = evaluation(tmp_path / "a", table), evaluation(tmp_path / "b", {**table, names[0]: ("neutral", "neutral")})
    line = ["compare", str(a), str(b), "--images", "rafdb", "--out", str(tmp_path / "out")]
    assert main(line) == ExitCode.DATA
    assert "--data DIR" in capsys.readouterr().err
    assert main([*line, "--data", str(root)]) == ExitCode.DONE
    assert "data:image" in (tmp_path / "out/compare.html").read_text()
