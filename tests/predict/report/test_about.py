"""What a report says of the weights."""

from __future__ import annotations

from dataclasses import replace

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.predict.report.about import accuracy, legend, settings, uncertainty
from fercli.weights.card import WeightsCard

CARD = WeightsCard("fake", "7", schema("rafdb").names, "rafdb", template("arcface"), MODELS["btn-tiny"])
SCORE = {
    "accuracy": 0.91,
    "mean_accuracy": 0.8,
    "images": 3153,
    "split": "test",
    "class_accuracy": {"fear": 0.1, "disgust": 0.29, "anger": 0.9, "happiness": 0.95, "neutral": None},
}


def test_accuracy__states_scores_and_the_classes_with_the_lowest_recall():
    text = accuracy(replace(CARD, scores={"val": {"accuracy": 1.0}, "test": SCORE}))
    assert text.startswith(
        "On 3,153 faces of rafdb (test split) 91 % of the predictions were right; with every expression counted alike, 80 %."
    )
    assert "It recognised 10 % of fear, 29 % of disgust, 90 % of anger, 95 % of happiness." in text


def test_accuracy_and_uncertainty__report_what_is_missing():
    assert "the accuracy is unknown" in accuracy(CARD)
    assert "states no probability below which" in uncertainty(CARD, {})
    card = replace(CARD, abstain_below=0.5)
    assert uncertainty(card, {}).startswith("Faces whose highest probability is below 50 % are marked uncertain.")
    assert "faces with a detection score below 0.9 and faces with a side below 20 px are marked" in uncertainty(
        card, {"detector": "yunet", "minimum reliable face size": "20 px"}
    )


def test_legend__ends_with_uncertain():
    entries = legend(CARD.labels)
    assert [entry.name for entry in entries] == [*CARD.labels, "uncertain"]
    assert [entry.colour for entry in entries].count(None) == 1


def test_settings__have_those_of_the_run_before_the_program():
    names = [name for name, _ in settings(CARD, {"tracking": "on"}, made="fer 1")]
    assert names[-2:] == ["tracking", "made with"]


def test_settings__state_the_class_shares_that_the_probabilities_assume():
    shares = dict.fromkeys(CARD.labels, 1 / 7)
    card = replace(CARD, prior=shares)
    assert dict(settings(card, {}, made="fer 1"))["class shares"].startswith("of the weights: surprise 14.3 %")
    assert dict(settings(card, {"class shares": "uniform"}, made="fer 1"))["class shares"] == "uniform"
    assert "class shares" not in dict(settings(CARD, {}, made="fer 1"))
