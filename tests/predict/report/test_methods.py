"""The paragraph about methods states every setting that changes numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.config.detect import DetectConfig
from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.predict.options import PredictOptions
from fercli.predict.report.methods import BaselineCounts, methods, references
from fercli.weights.card import WeightsCard

CARD = WeightsCard("fake", "7", schema("rafdb").names, "rafdb", template("arcface"), MODELS["btn-tiny"])
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
        "Faces were detected with YuNet (Wu et al., 2023) (yunet n 0047ac2; thresholds 0.6, 0.7, 0.7, pictures shrunk to a "
        "longest side of 1600 px).",
        "a side of 20 px in pictures, 40 px in videos.",
        "Faces whose highest probability was below 50 % and faces with a detection score below 0.9 and faces with a side "
        "below 20 px were counted as uncertain.",
        "differed by at most 6 on average; between two photos in one studio, this recognises 87 % of 102 people",
        "Faces in view for less than 0.5 s have no track.",
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
    first, last = (re.search(rf"    {name}: (.*)", citation)[1] for name in ("start", "end"))
    assert paper.endswith(f"IEEE Access, 13, {first}-{last}.")
    names = re.findall(r"family-names: (\w+)", citation)
    assert all(name in paper for name in names)


def test_methods__states_every_option_that_changes_predictions():
    detect = DetectConfig("mtcnn", 31, 47, (0.11, 0.22, 0.33), 1234)
    options = PredictOptions(detect, 17, smooth_s=0.37, detect_every=5)
    run = options.as_settings() | {
        "frames of videos": "at most 12.5 per second from 0:02.000 to 0:09.000",
        "class shares": "uniform: 14.3 %",
        "test-time augmentation": "mean of both",
        "crop template": "arcface",
        "names of people": "given",
    }
    text = methods(CARD, run)
    for words in (
        "31 px",
        "47 px",
        "0.11, 0.22, 0.33",
        "1234 px",
        "17 px",
        "0.37 s",
        "every 5 frames",
        "12.5 per second",
    ):
        assert words in text
    for words in ("0:02.000 to 0:09.000", "uniform: 14.3 %", "mean of both", "arcface", "named by hand"):
        assert words in text
    untracked = methods(CARD, PredictOptions(track=False).as_settings())
    assert "not tracked: the largest face of every frame counts" in untracked
    assert "tracked from frame to frame" not in untracked
    assert "The faces were given: boxes.csv." in methods(CARD, PredictOptions(boxes="boxes.csv").as_settings())


def test_methods__state_the_class_shares_of_the_weights():
    card = replace(CARD, prior=dict.fromkeys(CARD.labels, 1 / 7))
    assert "assume the class shares of the training: surprise 14.3 %" in methods(card, RUN)


@pytest.mark.parametrize(
    ("request_text", "words"),
    [
        (
            "auto",
            "in the calmest seconds of each (of the half of the seconds in which neutral was most probable those in which",
        ),
        ("0:00-0:10", "at rest, as stated by 0:00-0:10."),
        ("table rest.csv", "at rest, as stated by the table rest.csv."),
    ],
)
def test_methods__explain_the_baseline(request_text: str, words: str):
    run = {**RUN, "baseline": f"{request_text}, subtracted in logit space, margin 3 for neutral"}
    text = methods(CARD, run, baselines=BaselineCounts(2, ["Track 3 of a.mp4"]))
    assert words in text
    assert "with a margin of 3 for neutral" in text
    assert "Nothing was subtracted for 1 track, person or picture (Track 3 of a.mp4)" in text
    if request_text == "auto":
        assert "20 % of the time in view, at least 5 s" in text


def test_methods__do_not_state_a_baseline_that_was_not_subtracted():
    run = {**RUN, "baseline": "auto, subtracted in logit space, margin 3 for neutral"}
    text = methods(CARD, run, baselines=BaselineCounts(0, ["Anna of a.mp4"]))
    assert "No resting expression was subtracted, although it was asked for (auto)" in text
    assert "was subtracted in logit space" not in text
