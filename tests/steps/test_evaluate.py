"""Scores of a faked classifier on small folders: classes by name, copies apart, files that can be read again."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.core.card import WeightsCard
from fercli.errors import DataError, RefusedError
from fercli.presets import BtnConfig, InputConfig
from fercli.steps import evaluate as module
from fercli.steps.evaluate import evaluate
from fercli.store.datasets.prepared import Record, write_prepared
from fercli.templates import template


class Fake:
    """Answers with class `grey / 40` of the card, 70 % sure: a picture's grey value is what the model sees in it."""

    engine, device = "onnx", "cpu"

    def __init__(self, *labels: str) -> None:
        config = BtnConfig(preset="toy", input=InputConfig(size=6))
        self.card = WeightsCard("toy", "1", labels, "toy", template("arcface"), config, temperature=1.5)
        self.batches: list[int] = []

    def classify(self, crops: np.ndarray) -> np.ndarray:
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == (6, 6, 3)
        self.batches.append(len(crops))
        classes = len(self.card.labels)
        table = np.full((len(crops), classes), 0.3 / (classes - 1), np.float32)
        table[np.arange(len(crops)), crops[:, 0, 0, 0] // 40] = 0.7
        return table

    def logits(self, crops: np.ndarray) -> np.ndarray:
        return np.log(self.classify(crops))


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch):
    """Put a faked classifier where weights are loaded."""

    def put(*labels: str) -> Fake:
        fake = Fake(*labels)
        monkeypatch.setattr(module, "load_classifier", lambda weights, engine, device: fake)
        return fake

    return put


def picture(path: Path, seen: int, number: int = 0) -> None:
    """Write a picture that the fake takes for class `seen`; `number` makes it unlike others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((6, 6), seen * 40, np.uint8)
    pixels[-1, -1] = number
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six test images: fear seen as fear, fear, fear, anger; anger seen as fear, anger (model order: fear, anger)."""
    for name, seen in {"fear/a": 0, "fear/b": 0, "fear/c": 0, "fear/d": 1, "anger/e": 0, "anger/f": 1}.items():
        picture(tmp_path / f"data/test/{name}.png", seen)
    return tmp_path / "data"


def test_evaluate__scores_by_hand(use, folder):
    use("fear", "anger")
    result = evaluate("toy", str(folder))
    assert result.score.n == 6
    assert result.score.overall == pytest.approx(4 / 6)
    assert result.score.mean_class == pytest.approx((0.75 + 0.5) / 2)
    assert result.class_accuracy == {"fear": 0.75, "anger": 0.5}
    assert result.confusion == ((3, 1), (1, 1))
    assert result.macro_f1 == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert result.ece == pytest.approx(0.7 - 4 / 6)
    assert result.temperature == 1.5
    assert result.without_train_copies is None
    assert result.warnings == ()
    assert result.score.interval == pytest.approx((0.3000, 0.9032), abs=1e-4)  # Wilson 1927 for 4 of 6


def test_evaluate__matches_classes_by_name_not_number(use, tmp_path):
    # RAF-DB's own numbers put surprise first; the model has it third and a class the data does not have
    picture(tmp_path / "test/1/a.png", seen=2)
    picture(tmp_path / "test/6/b.png", seen=1)
    picture(tmp_path / "test/7/c.png", seen=3)
    names = ("neutral", "anger", "surprise", "contempt", "fear", "disgust", "happiness", "sadness")
    use(*names)
    result = evaluate("toy", "rafdb", folder=tmp_path)
    # BTN, Table 4
    assert result.labels == ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
    assert result.class_accuracy["surprise"] == result.class_accuracy["anger"] == 1.0
    assert result.class_accuracy["neutral"] == 0.0
    assert result.class_accuracy["contempt"] is None
    assert result.confusion[0][7] == 1


def test_evaluate__reports_classes_the_model_lacks(use, folder):
    use("fear", "disgust")
    result = evaluate("toy", str(folder))
    assert result.left_out == {"anger": 2}
    assert result.score.n == 4
    assert "anger (2)" in result.warnings[0]


def test_evaluate__refuses_a_model_for_something_else(use, folder):
    use("cat", "dog")
    with pytest.raises(DataError, match="none of the classes"):
        evaluate("toy", str(folder))


def test_evaluate__goes_through_the_images_in_batches(use, folder):
    fake = use("fear", "anger")
    seen: list[tuple[int, int | None]] = []
    evaluate("toy", str(folder), batch=4, progress=lambda done, total, note: seen.append((done, total)))
    assert fake.batches == [4, 2]
    assert seen == [(4, 6), (6, 6)]


def test_evaluate__of_a_missing_split_names_one_that_is_there(use, folder):
    use("fear", "anger")
    with pytest.raises(DataError, match="no val images") as caught:
        evaluate("toy", str(folder), split="val")
    assert caught.value.fix == "--split test"


def test_evaluate__names_all_images_it_cannot_read(use, folder):
    use("fear", "anger")
    for name in ("fear/a.png", "anger/f.png"):
        (folder / "test" / name).write_text("not a picture")
    with pytest.raises(DataError) as caught:
        evaluate("toy", str(folder), batch=2)
    assert "2 of 6 images" in caught.value.message
    assert "a.png" in caught.value.message
    assert "f.png" in caught.value.message


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Two test images, one of which is also an (unlabelled) training image."""
    records = [
        Record("unlabelled/train/a.png", "train", None, "fear", 0, duplicate_group="g", votes=(5, 5)),
        Record("test/fear/b.png", "test", "fear", "fear", 1, duplicate_group="g", votes=(9, 0)),
        Record("test/fear/c.png", "test", "fear", "fear", 2, votes=(9, 0)),
        Record("test/anger/d.png", "test", "anger", "fear", 3, duplicate_group="only in test", votes=(0, 9)),
    ]
    for number, record in enumerate(records):
        picture(tmp_path / "set" / str(record.path), seen=0, number=number)
    facts = {"name": "toy", "schema": "toy", "labels": ["fear", "anger"], "crop": "fer2013", "fingerprint": "f"}
    write_prepared(tmp_path / "set", records, facts=facts, vote_classes=("fear", "anger"))
    return tmp_path / "set"


def test_evaluate__scores_again_without_copies_of_training_images(use, prepared):
    use("fear", "anger")
    result = evaluate("toy", str(prepared))
    assert (result.score.n, result.score.overall) == (3, pytest.approx(2 / 3))
    assert result.without_train_copies is not None
    assert (result.without_train_copies.n, result.without_train_copies.overall) == (2, 0.5)
    assert result.fingerprint == "f"


def test_evaluate__warns_of_another_alignment(use, prepared):
    use("fear", "anger")
    assert "aligned to fer2013" in evaluate("toy", str(prepared)).warnings[0]


@pytest.mark.parametrize(
    ("trained", "now", "said"),
    [
        ({"size": 224, "margin": 0.0}, {"size": 112, "margin": 0.0}, "size 112 (trained on 224)"),
        (None, {"size": 112}, "the images are aligned by fer align, those that toy was trained on were not"),
        (
            {"size": 224},
            None,
            "the images are not aligned by fer align, those that toy was trained on were",
        ),
    ],
)
def test_evaluate__warns_of_another_record_of_alignment(use, prepared, trained, now, said):
    fake = use("fear", "anger")
    fake.card = replace(fake.card, crop=template("fer2013"), data={"alignment": trained})
    facts = json.loads((prepared / "dataset.json").read_text())
    (prepared / "dataset.json").write_text(json.dumps(facts | {"alignment": now}))
    assert said in evaluate("toy", str(prepared)).warnings[0]
    (prepared / "dataset.json").write_text(json.dumps(facts | {"alignment": trained}))
    assert evaluate("toy", str(prepared)).warnings == ()


def test_evaluate__warns_of_images_that_alignment_lost(use, prepared):
    use("fear", "anger")
    table = prepared / "dataset.csv"
    table.write_text(table.read_text().replace("test/fear/c.png", ""))
    result = evaluate("toy", str(prepared))
    assert result.score.n == 2
    assert result.warnings[0].startswith("1 labelled images have no file")


def test_evaluate__writes_what_it_found(use, folder, tmp_path, monkeypatch):
    use("fear", "anger")
    drawn = []
    monkeypatch.setattr(module, "plot_confusion", lambda path, matrix, labels, title: drawn.append((path.name, title)))
    result = evaluate("toy", str(folder), out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "confusion.csv",
        "predictions.csv",
        "result.json",
    ]
    with (tmp_path / "out/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "label", "pred", "p_fear", "p_anger"]
    assert rows[0] == {"path": "test/anger/e.png", "label": "anger", "pred": "fear"} | {
        "p_fear": "0.700000",
        "p_anger": "0.300000",
    }
    assert sum(row["label"] == row["pred"] for row in rows) == 4
    assert (tmp_path / "out/confusion.csv").read_text() == "truth,fear,anger\nfear,3,1\nanger,1,1\n"
    facts = json.loads((tmp_path / "out/result.json").read_text())
    assert facts["score"]["overall"] == result.score.overall
    assert drawn == [("confusion.png", "toy on data test: 66.67 %")]


def test_evaluate__refuses_an_output_before_it_works(use, folder, tmp_path):
    fake = use("fear", "anger")
    (tmp_path / "out").mkdir()
    with pytest.raises(RefusedError):
        evaluate("toy", str(folder), out=tmp_path / "out")
    assert fake.batches == []


def test_result__refuses_figures_that_do_not_add_up(use, folder):
    use("fear", "anger")
    values = vars(evaluate("toy", str(folder)))
    with pytest.raises(ValueError, match="do not add up"):
        module.EvaluationResult(**values | {"confusion": ((1, 0), (0, 1))})
    with pytest.raises(ValueError, match="order of the labels"):
        module.EvaluationResult(**values | {"class_accuracy": {"anger": 0.5, "fear": 0.75}})
