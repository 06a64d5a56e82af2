"""What a report says of the weights."""

from __future__ import annotations

from dataclasses import replace

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.predict.report.about import legend, reliability, settings
from fercli.weights.card import WeightsCard

CARD = WeightsCard("fake", "7", schema("rafdb").names, "rafdb", template("arcface"), MODELS["btn-tiny"])
SCORE = {
    "accuracy": 0.91,
    "mean_accuracy": 0.8,
    "images": 3153,
    "split": "test",
    "class_accuracy": {"fear": 0.1, "disgust": 0.29, "anger": 0.9, "neutral": None},
}


def test_reliability__states_scores_and_classes_with_low_recall():
    text = reliability(replace(CARD, abstain_below=0.5, scores={"val": {"accuracy": 1.0}, "test": SCORE}))
    assert "below 50 %" in text
    assert "On the test split of rafdb (3,153 images) its accuracy is 91 %, its mean class accuracy 80 %." in text
    assert text.endswith("Classes that it recognises seldom: fear (10 %), disgust (29 %).")


def test_reliability__reports_that_scores_are_missing():
    assert "the accuracy is unknown" in reliability(CARD)
    assert "states no probability below which" in reliability(CARD)


def test_legend__ends_with_uncertain():
    entries = legend(CARD.labels)
    assert [entry.name for entry in entries] == [*CARD.labels, "uncertain"]
    assert [entry.colour for entry in entries].count(None) == 1


def test_settings__have_those_of_the_run_before_the_program():
    names = [name for name, _ in settings(CARD, {"tracking": "on"}, made="fer 1")]
    assert names[-2:] == ["tracking", "made with"]
