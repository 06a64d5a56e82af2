"""Scores of a faked classifier on small folders: classes by name, copies apart, files that can be read again."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.config.model import BtnConfig, InputConfig
from fercli.config.templates import template
from fercli.data.prepared import Record, write_prepared
from fercli.errors import DataError, RefusedError, UsageError
from fercli.evaluate import evaluate as module
from fercli.evaluate import output_folder
from fercli.evaluate.evaluate import EvaluateOptions, evaluate
from fercli.evaluate.results import CopiesInTrain, to_result_file
from fercli.evaluate.scores import Score
from fercli.results import Face
from fercli.weights.card import WeightsCard


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
        return 1.5 * np.log(self.classify(crops))  # the card's temperature makes probabilities of it again


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
    assert result.score.images == 6
    assert result.score.accuracy == pytest.approx(4 / 6)
    assert result.score.mean_accuracy == pytest.approx((0.75 + 0.5) / 2)
    assert result.score.class_accuracy == {"fear": 0.75, "anger": 0.5}
    assert result.score.confusion == ((3, 1), (1, 1))
    assert result.score.macro_f1 == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert result.after.ece == pytest.approx(0.7 - 4 / 6, abs=1e-6)
    assert (result.before.temperature, result.after.temperature) == (1.0, 1.5)
    assert result.score.class_interval["anger"] == pytest.approx((0.0945, 0.9055), abs=1e-4)  # Wilson for 1 of 2
    assert result.copies == CopiesInTrain(
        None, "Whether the images were trained on is unknown: data has no train split to search"
    )
    assert result.warnings == ()
    assert result.score.accuracy_interval == pytest.approx((0.3000, 0.9032), abs=1e-4)  # Wilson 1927 for 4 of 6


def test_evaluate__flip_is_the_mean_over_a_face_and_its_mirror_image(use, tmp_path, monkeypatch):
    fast(monkeypatch)
    # the fake sees the left edge: the mirror image of the first picture is read as anger, as sure as it is fear
    for name, columns in {"fear/a": (0, 1), "fear/b": (0, 0), "anger/c": (1, 1)}.items():
        pixels = np.repeat(np.repeat(np.array(columns, np.uint8) * 40, 3)[None], 6, axis=0)
        (tmp_path / f"data/test/{name}.png").parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"data/test/{name}.png")
    use("fear", "anger")
    plain, flipped = (
        evaluate("toy", str(tmp_path / "data"), EvaluateOptions(flip=flip), out=tmp_path / str(flip))
        for flip in (False, True)
    )
    assert (plain.augmentation, flipped.augmentation) == (
        None,
        "mean of the probabilities of a face and its mirror image",
    )
    # at the card's temperature 0.7, 0.7, 0.7 of the truth, and 0.5, 0.7, 0.7
    assert plain.after.nll == pytest.approx(-np.log(0.7), abs=1e-6)
    assert flipped.after.nll == pytest.approx(-np.log([0.5, 0.7, 0.7]).mean(), abs=1e-6)
    # at 1, 1.5 times the logit: 0.7^1.5 / (0.7^1.5 + 0.3^1.5) = 0.7809
    assert flipped.before.nll == pytest.approx(-np.log([0.5, 0.7809, 0.7809]).mean(), abs=1e-4)
    assert to_result_file(flipped).test_time_augmentation == flipped.augmentation
    assert "test-time augmentation" in (tmp_path / "True" / "report.html").read_text()
    assert "test-time augmentation" not in (tmp_path / "False" / "report.html").read_text()
    with pytest.raises(UsageError, match="mirror"):
        evaluate("toy", str(tmp_path / "data"), EvaluateOptions(flip=True, end_to_end=str(tmp_path / "data")))


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
    assert result.score.class_accuracy["surprise"] == result.score.class_accuracy["anger"] == 1.0
    assert result.score.class_accuracy["neutral"] == 0.0
    assert result.score.class_accuracy["contempt"] is None
    assert result.score.confusion[0][7] == 1


def test_evaluate__reports_classes_the_model_lacks(use, folder):
    use("fear", "disgust")
    result = evaluate("toy", str(folder))
    assert result.left_out == {"anger": 2}
    assert result.score.images == 4
    assert "anger (2)" in result.warnings[0]


def test_evaluate__refuses_a_model_for_something_else(use, folder):
    use("cat", "dog")
    with pytest.raises(DataError, match="none of the classes"):
        evaluate("toy", str(folder))


def test_evaluate__goes_through_the_images_in_batches(use, folder):
    fake = use("fear", "anger")
    seen: list[tuple[int, int | None]] = []
    evaluate(
        "toy", str(folder), EvaluateOptions(batch_size=4), progress=lambda done, total, note: seen.append((done, total))
    )
    assert fake.batches == [4, 2]
    assert seen == [(4, 6), (6, 6)]


def test_evaluate__of_a_missing_split_names_one_that_is_there(use, folder):
    use("fear", "anger")
    with pytest.raises(DataError, match="no val images") as caught:
        evaluate("toy", str(folder), EvaluateOptions(split="val"))
    assert caught.value.fix == "--split test"


def test_evaluate__names_all_images_it_cannot_read(use, folder):
    use("fear", "anger")
    for name in ("fear/a.png", "anger/f.png"):
        (folder / "test" / name).write_text("not a picture")
    with pytest.raises(DataError) as caught:
        evaluate("toy", str(folder), EvaluateOptions(batch_size=2))
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
    assert (result.score.images, result.score.accuracy) == (3, pytest.approx(2 / 3))
    assert result.copies is not None
    assert result.copies.message == "1 of the 3 images occurs in train too (marked by the data set)"
    assert result.copies.score_without is not None
    assert (result.copies.score_without.images, result.copies.score_without.accuracy) == (2, 0.5)
    assert result.fingerprint == "f"


def test_evaluate__finds_copies_by_pixels_where_a_data_set_marks_none(use, folder):
    fake = use("fear", "anger")
    for number in range(3):
        picture(folder / f"train/fear/other{number}.png", 0, number=number + 1)
    picture(folder / "train/anger/same-as-fear-d.bmp", 1)  # fear/d and anger/f show this, as files of another format
    (folder / "train/anger/broken.png").write_text("not a picture")
    copies = evaluate("toy", str(folder)).copies
    assert copies is not None
    assert copies.count == 2
    assert copies.message == (
        "2 of the 6 images occur in train too (compared with the pixels of its 4 images; could not read 1 more)"
    )
    # left are fear seen as fear, fear, fear and anger seen as fear
    assert copies.score_without is not None
    assert (copies.score_without.images, copies.score_without.accuracy) == (4, 0.75)
    assert fake.batches == [6]


@pytest.mark.parametrize(
    ("seen", "count", "told"),
    [((0, 1), 6, "6 of the 6 images occur"), ((5,), 0, "None of the 6 images occurs")],
)
def test_evaluate__says_of_all_and_of_no_copies_that_there_is_nothing_to_score_apart(use, folder, seen, count, told):
    use("fear", "anger")
    for grey in seen:
        picture(folder / f"train/fear/{grey}.png", grey)
    copies = evaluate("toy", str(folder)).copies
    assert copies is not None
    assert (copies.count, copies.score_without) == (count, None)
    assert copies.message.startswith(told)


def test_evaluate__does_not_look_for_copies_in_train_itself_or_where_told_not_to(use, folder):
    use("fear", "anger")
    picture(folder / "train/fear/a.png", 0)
    assert evaluate("toy", str(folder), EvaluateOptions(split="train")).copies is None
    copies = evaluate("toy", str(folder), EvaluateOptions(find_copies=False)).copies
    assert copies is not None
    assert copies.count is None
    assert "--no-copies" in copies.message


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
    assert result.score.images == 2
    assert result.warnings[0].startswith("1 labelled image has no file")


def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes seconds and has tests of its own: drawing, counting, hashing."""
    for name in ("plot_confusion", "plot_reliability", "plot_risk_coverage", "plot_severities"):
        monkeypatch.setattr(output_folder, name, lambda *_, **__: None)
    counted = {"sha256": "hash", "parameters": 11, "macs": 12}
    monkeypatch.setattr(module, "add_network_size", lambda model, classifier, weights: replace(model, **counted))


def test_evaluate__writes_what_it_found(use, folder, tmp_path, monkeypatch, fits_schema):
    use("fear", "anger")
    fast(monkeypatch)
    result = evaluate("toy", str(folder), EvaluateOptions(coverages=(0.25, 0.6)), out=tmp_path / "out")
    assert "60 % coverage" in (tmp_path / "out/report.html").read_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "classes.csv",
        "confusion.csv",
        "environment.json",
        "predictions.csv",
        "reliability.csv",
        "report.html",
        "result.json",
        "risk_coverage.csv",
    ]
    with (tmp_path / "out/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["source", "truth", "label", "probability", "p_fear", "p_anger"]
    assert rows[0] == {"source": "test/anger/e.png", "truth": "anger", "label": "fear"} | {
        "probability": "0.700000",
        "p_fear": "0.700000",
        "p_anger": "0.300000",
    }
    assert sum(row["truth"] == row["label"] for row in rows) == 4
    assert (tmp_path / "out/confusion.csv").read_text() == "truth,fear,anger\nfear,3,1\nanger,1,1\n"
    written = json.loads((tmp_path / "out/result.json").read_text())
    fits_schema(written)
    (score,) = written["scores"]
    assert score["accuracy"] == result.score.accuracy
    assert (score["split"], score["images"], score["class_images"]) == ("test", 6, {"fear": 4, "anger": 2})
    assert written["evaluation"]["coverage"] == pytest.approx({"0.25": 4 / 6, "0.6": 4 / 6})  # equal confidences
    assert (written["dataset"], written["predictions"]) == ("data", {"test": "predictions.csv"})
    assert {name: written["model"][name] for name in ("parameters", "macs", "sha256")} == {
        "parameters": 11,
        "macs": 12,
        "sha256": "hash",
    }
    assert (tmp_path / "out/classes.csv").read_text().startswith("class,images,accuracy,low,high\nfear,4,0.75,")


def test_evaluate__says_by_a_code_how_the_weights_were_chosen(use, folder):
    fake = use("fear", "anger")
    assert evaluate("toy", str(folder)).selection is None
    fake.card = replace(
        fake.card, scores={"selection": "test-best", "selected_by": "overall accuracy on the test split"}
    )
    result = evaluate("toy", str(folder))
    assert (result.selection, result.selected_by) == ("test-best", "overall accuracy on the test split")


def test_evaluate__refuses_an_output_before_it_works(use, folder, tmp_path):
    fake = use("fear", "anger")
    (tmp_path / "out").mkdir()
    with pytest.raises(RefusedError):
        evaluate("toy", str(folder), out=tmp_path / "out")
    assert fake.batches == []


def test_score__refuses_figures_that_do_not_add_up(use, folder):
    use("fear", "anger")
    values = vars(evaluate("toy", str(folder)).score)
    with pytest.raises(ValueError, match="do not add up"):
        Score(**values | {"confusion": ((1, 0), (0, 1))})
    with pytest.raises(ValueError, match="order of the labels"):
        Score(**values | {"class_accuracy": {"anger": 0.5, "fear": 0.75}})


def test_evaluate__scores_the_images_of_a_list(use, folder, tmp_path):
    use("fear", "anger")
    (tmp_path / "hard.txt").write_text("fear/d.png\nanger/e.png\nnowhere.png\nfear/d.png\n")
    result = evaluate("toy", str(folder), EvaluateOptions(subsets=[tmp_path / "hard.txt"]))
    (subset,) = result.subsets
    assert (subset.name, subset.listed, subset.score.images, subset.score.accuracy) == ("hard", 3, 2, 0.0)
    assert subset.repeated == 1
    assert result.warnings == ("the list hard names 1 image more than once (d): each is scored once",)


def test_evaluate__scores_worse_crops_of_the_same_images(use, folder, tmp_path, monkeypatch):
    # the fake reads the first pixel: dark turns class 1 (grey 40) into class 0 (grey 20 and less), fear stays fear
    use("fear", "anger")
    fast(monkeypatch)
    result = evaluate("toy", str(folder), EvaluateOptions(degrade=["dark"]), out=tmp_path / "out")
    (curve,) = result.curves
    assert (curve.kind, curve.clean.accuracy) == ("dark", pytest.approx(4 / 6))
    assert [point.severity for point in curve.points] == [0.5, 0.25, 0.12, 0.06, 0.03]
    assert [point.score.accuracy for point in curve.points] == pytest.approx([4 / 6] * 5)  # all six are called fear
    with (tmp_path / "out/degrade.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["severity"] for row in rows] == ["", "0.5", "0.25", "0.12", "0.06", "0.03"]
    assert [float(row["mean_accuracy"]) for row in rows] == pytest.approx([0.625, *[0.5] * 5])


def test_evaluate__makes_as_many_images_worse_as_asked(use, folder):
    fake = use("fear", "anger")
    result = evaluate("toy", str(folder), EvaluateOptions(degrade=["blur"], degrade_images=4))
    assert result.curves[0].clean.images == 4
    assert fake.batches == [6, 4, 4, 4, 4, 4]


def test_evaluate__refuses_an_unknown_degradation_before_it_works(use, folder):
    fake = use("fear", "anger")
    with pytest.raises(UsageError, match="fog"):
        evaluate("toy", str(folder), EvaluateOptions(degrade=["fog"]))
    assert fake.batches == []


class Faces:
    """Finds a face in the middle of every picture but the one whose last pixel says 9."""

    def detect(self, frames, *, min_face_px=None):
        five = ((2.0, 2.0), (4.0, 2.0), (3.0, 3.0), (2.2, 4.0), (3.8, 4.0))
        return [[] if rgb[-1, -1, 0] == 9 else [Face((0.0, 0.0, 6.0, 6.0), 0.99, five)] for rgb in frames]


def test_evaluate__counts_pictures_without_a_face_as_errors(use, folder, tmp_path, monkeypatch):
    use("fear", "anger")
    fast(monkeypatch)
    raw = tmp_path / "raw"
    for name, seen, number in [("fear/a", 0, 0), ("fear/b", 1, 0), ("fear/c", 0, 9), ("anger/d", 1, 0)]:
        picture(raw / f"test/{name}.png", seen, number)
    (raw / "test/anger/e.png").write_text("no picture")
    result = evaluate(
        "toy", str(folder), EvaluateOptions(end_to_end=str(raw)), detector=Faces(), out=tmp_path / "out"
    ).end_to_end
    assert result is not None
    assert (result.images, result.detected, result.without_face, result.unreadable) == (5, 3, 1, 1)
    assert result.accuracy == pytest.approx(2 / 5)
    assert result.mean_accuracy == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert result.detected_score is not None
    assert result.detected_score.accuracy == pytest.approx(2 / 3)
    with (tmp_path / "out/end_to_end.csv").open() as file:
        rows = {row["source"]: (row["status"], row["label"]) for row in csv.DictReader(file)}
    assert rows == {
        "test/anger/d.png": ("ok", "anger"),
        "test/anger/e.png": ("unreadable", ""),
        "test/fear/a.png": ("ok", "fear"),
        "test/fear/b.png": ("ok", "anger"),
        "test/fear/c.png": ("no_face", ""),
    }
