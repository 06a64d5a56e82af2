"""Warnings about a score: unknown classes, another alignment, missing files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fercli.config.templates import template
from fercli.evaluate.evaluate import evaluate


def test_evaluate__reports_classes_the_model_lacks(use, folder):
    use("fear", "disgust")
    result = evaluate("toy", str(folder))
    assert result.left_out == {"anger": 2}
    assert result.score.images == 4
    assert "anger (2)" in result.warnings[0]


def test_evaluate__warns_of_another_alignment(use, prepared):
    use("fear", "anger")
    assert "aligned to fer2013" in evaluate("toy", str(prepared)).warnings[0]


@pytest.mark.parametrize(
    ("trained", "now", "message"),
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
def test_evaluate__warns_of_another_record_of_alignment(use, prepared, trained, now, message):
    fake = use("fear", "anger")
    fake.card = replace(fake.card, crop=template("fer2013"), data={"alignment": trained})
    facts = json.loads((prepared / "dataset.json").read_text())
    (prepared / "dataset.json").write_text(json.dumps(facts | {"alignment": now}))
    assert message in evaluate("toy", str(prepared)).warnings[0]
    (prepared / "dataset.json").write_text(json.dumps(facts | {"alignment": trained}))
    assert not any("align" in warning for warning in evaluate("toy", str(prepared)).warnings)


def test_evaluate__warns_of_images_that_alignment_lost(use, prepared):
    use("fear", "anger")
    table = prepared / "dataset.csv"
    table.write_text(table.read_text().replace("test/fear/c.png", ""))
    result = evaluate("toy", str(prepared))
    assert result.score.images == 2
    assert result.warnings[0].startswith("1 labelled image has no file")


def test_evaluate__warns_of_predictions_that_are_all_one_class(use, folder, picture):
    use("fear", "anger")
    assert evaluate("toy", str(folder)).warnings == ()
    for name in ("fear/d", "anger/f"):  # the two that were seen as anger
        picture(folder / f"test/{name}.png", 0, number=1)
    (warning,) = evaluate("toy", str(folder)).warnings
    assert warning == "all predictions of 6 images are one class, fear: the network distinguishes no classes"
    for name in ("anger/e", "anger/f"):  # images of one class that are all recognised are no such case
        (folder / f"test/{name}.png").unlink()
    assert evaluate("toy", str(folder)).warnings == ()
