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
from fercli.evaluate.compare import compare
from fercli.evaluate.files import Predictions, read_predictions, write_predictions

LABELS = ("neutral", "fear")


def evaluation(folder: Path, answers: dict[str, tuple[str, str]], **facts: object) -> Path:
    """A folder as `fer eval` leaves it: path -> (truth, answer), every answer 90 % sure."""
    folder.mkdir()
    table = np.array([[0.9, 0.1] if guess == "neutral" else [0.1, 0.9] for _, guess in answers.values()])
    truth, guess = zip(*answers.values(), strict=True)
    write_predictions(folder / "predictions.csv", Predictions(tuple(answers), LABELS, truth, guess, table))
    if facts:
        record = {"dataset": "d", "n": len(answers), "overall_acc": 0, "mean_acc": 0, "per_class_acc": {}} | facts
        (folder / "result.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Five common images: one both, two gained, one lost, one that neither; another only in B, in another order."""
    a = evaluation(
        tmp_path / "a",
        {"1": ("neutral", "neutral"), "2": ("neutral", "fear"), "3": ("fear", "neutral"), "4": ("fear", "fear"),
         "5": ("neutral", "fear")},
        model="old", fingerprint="x", split="test",
    )  # fmt: skip
    b = evaluation(
        tmp_path / "b",
        {"5": ("neutral", "fear"), "4": ("fear", "neutral"), "3": ("fear", "fear"), "2": ("neutral", "neutral"),
         "1": ("neutral", "neutral"), "6": ("fear", "fear")},
        model="new", fingerprint="y", split="test",
    )  # fmt: skip
    return a, b


def test_compare__pairs_images_by_path(pair):
    result = compare(*pair)
    test = result.test
    assert (test.n, test.both, test.only_a, test.only_b, test.neither) == (5, 1, 1, 2, 1)
    assert (result.a.name, result.b.name) == ("old", "new")
    assert (result.a.overall, result.b.overall) == pytest.approx((2 / 5, 3 / 5))
    assert result.b.mean_class == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (result.a.only_here, result.b.only_here) == (0, 1)
    assert [(c.path, c.kind) for c in result.changes] == [("2", "gained"), ("3", "gained"), ("4", "lost")]
    assert [(c.name, c.n, c.only_a, c.only_b) for c in result.classes] == [("neutral", 3, 0, 1), ("fear", 2, 1, 1)]
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
        "path": "4", "label": "fear", "pred_a": "fear", "pred_b": "neutral", "probability_a": "0.900000",
        "probability_b": "0.900000", "kind": "lost",
    }  # fmt: skip
    with pytest.raises(RefusedError):
        compare(*pair, out=tmp_path / "out")


def test_compare__shows_the_images_that_changed(pair, tmp_path):
    for path, (label, _) in {"a/1": ("neutral", 0), "a/2": ("neutral", 0), "b/4": ("fear", 0)}.items():
        place = tmp_path / f"data/test/{label}/{path.replace('/', '-')}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (90, 60, 30)).save(place)
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
    with pytest.raises(UsageError, match="no folder"):
        compare(a, b, images=str(tmp_path / "data"))


def test_compare__refuses_what_is_no_pair(pair, tmp_path):
    strangers = evaluation(tmp_path / "c", {"9": ("fear", "fear")})
    with pytest.raises(DataError, match="no image in common"):
        compare(pair[0], strangers)
    relabelled = evaluation(tmp_path / "d", {"1": ("fear", "fear")})
    with pytest.raises(DataError, match="disagree about the label of 1 images"):
        compare(pair[0], relabelled)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n", "has not the columns"),
        ("path,label,pred,p_fear\n", "no predictions"),
        ("path,label,pred,p_fear\na,fear,fear,x\n", "line 2: the probabilities"),
        ("path,label,pred,p_fear\na,fear,joy,1\n", "none of fear"),
        ("path,label,pred,p_fear\na,fear,fear,1\na,fear,fear,1\n", "more than once"),
    ],
)
def test_read_predictions__says_what_is_wrong(text, message, tmp_path):
    (tmp_path / "predictions.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_predictions(tmp_path)


def test_command__shows_the_verdict(pair, capsys):
    assert main(["compare", *map(str, pair)]) == ExitCode.DONE
    output = capsys.readouterr()
    assert "+20.00" in output.out
    assert "do not tell the two apart" in output.out
    assert "different data sets" in output.err
    assert main(["compare", *map(str, pair), "--json", "-q"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["test"]["only_b"] == 2
    assert main(["compare", str(pair[0]), "nowhere"]) == ExitCode.DATA
