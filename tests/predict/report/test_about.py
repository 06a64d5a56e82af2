"""What a report says of the weights."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.predict.report.about import accuracy, legend, methods, references, settings, uncertainty
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
        card, RUN
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


RUN = {
    "label convention": "mixed: a stated mixture",
    "detector": "yunet n 0047ac2, thresholds 0.6, 0.7, 0.7, pictures shrunk to a longest side of 1600 px",
    "minimum face size": "20 px in pictures, 40 px in videos",
    "detection": "every frame",
    "minimum reliable face size": "20 px",
    "tracking": "on",
    "smoothing": "off",
    "frames of videos": "every frame",
}


def test_methods__has_the_settings_of_the_run_and_cites_what_it_names():
    text = methods(replace(CARD, abstain_below=0.5), RUN)
    for words in (
        "the model fake, version 7",
        "Label convention: mixed: a stated mixture.",
        "Faces were detected with YuNet (Wu et al., 2023).",
        "a side of 20 px in pictures, 40 px in videos.",
        "Faces whose highest probability was below 50 % and faces with a detection score below 0.9 and faces with a side "
        "below 20 px were counted as uncertain.",
        "and people in view for less than 0.5 s",
        "averaged over a centred window of 0.4 s",
        "with at least 0.5, if it reached 0.6",
    ):
        assert words in text
    assert "time constant" not in text  # smoothing is off
    cited = references(RUN)
    assert [reference.split(" ")[0] for reference in cited] == ["fer", "Her,", "Wu,"]
    assert [reference.split(" ")[0] for reference in references({"detector": "mtcnn 1"})][-1] == "Zhang,"


def test_methods__of_pictures_says_nothing_of_videos():
    text = methods(CARD, RUN, videos=False)
    assert "tracked" not in text
    assert "Episodes" not in text


def test_references__are_those_of_the_citation_file():
    citation = (Path(__file__).parents[3] / "CITATION.cff").read_text(encoding="utf-8")
    software, paper, _ = references(RUN)
    assert re.search(r"^version: (.*)", citation, re.MULTILINE)[1] in software
    assert re.search(r'^title: "(.*)"', citation, re.MULTILINE)[1] in software
    assert re.search(r'    title: "(.*)"', citation)[1].lower() in paper.lower()
    assert (re.search(r"    year: (.*)", citation)[1], re.search(r"    volume: (.*)", citation)[1]) == ("2025", "13")
    assert "(2025)" in paper
    assert paper.endswith("IEEE Access, 13.")
