"""Class shares by name, file and mapping, and their effect on probabilities by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.errors import DataError, UsageError
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import LoadedClassifier
from fercli.weights.priors import class_shares, describe_prior, with_prior

LABELS = ("neutral", "happiness", "anger")
CARD = WeightsCard(
    name="toy",
    version="1",
    labels=LABELS,
    schema="toy",
    crop=template("arcface"),
    model=model_preset("btn-tiny"),
    temperature=2.0,
    prior={"neutral": 0.5, "happiness": 0.25, "anger": 0.25},
)
CROPS = np.zeros((1, 48, 48, 3), np.uint8)


def _classifier(*probabilities):
    logits = (CARD.temperature * np.log([probabilities])).astype(np.float32)
    return LoadedClassifier(CARD, "onnx", "cpu", lambda crops: np.repeat(logits, len(crops), axis=0))


def test_with_prior__multiplies_probabilities_by_the_ratio_of_the_shares():
    classifier = _classifier(0.6, 0.3, 0.1)
    shares = {"neutral": 0.25, "happiness": 0.25, "anger": 0.5}
    adjusted = with_prior(classifier, shares)
    # 0.6 / 2, 0.3 * 1, 0.1 * 2 = 0.3, 0.3, 0.2; divided by their sum
    np.testing.assert_allclose(adjusted.classify(CROPS), [[0.375, 0.375, 0.25]], atol=1e-6)
    assert adjusted.card.prior == shares
    np.testing.assert_allclose(classifier.classify(CROPS), [[0.6, 0.3, 0.1]], atol=1e-6)


def test_with_prior__needs_the_shares_that_the_card_assumes():
    unknown = replace(_classifier(0.6, 0.3, 0.1), card=replace(CARD, prior={}))
    with pytest.raises(UsageError, match="the card of toy 1 does not state the class shares"):
        with_prior(unknown, {"neutral": 0.5, "happiness": 0.25, "anger": 0.25})


def test_class_shares__by_name():
    assert class_shares("uniform", LABELS) == pytest.approx(dict.fromkeys(LABELS, 1 / 3))
    # of 8740 neutral, 7287 happy and 2100 angry training images by majority vote
    assert class_shares("ferplus", LABELS) == pytest.approx(
        {"neutral": 8740 / 18127, "happiness": 7287 / 18127, "anger": 2100 / 18127}
    )


def test_class_shares__of_a_file_or_mapping_are_counts_in_any_spelling_and_order(tmp_path):
    path = tmp_path / "shares.csv"
    path.write_text("share,class\n3,Happy\n6,neutral\n1,angry\n9,contempt\n", encoding="utf-8")
    expected = pytest.approx({"neutral": 0.6, "happiness": 0.3, "anger": 0.1})
    assert class_shares(str(path), LABELS) == expected
    assert class_shares({"happy": 3, "neutral": 6, "anger": 1}, LABELS) == expected


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("class,share\nneutral,1\n", UsageError, "has no share of happiness, anger"),
        (
            "class,share\nneutral,1\nhappiness,0\nanger,1\n",
            UsageError,
            "the share of happiness is 0, must be in 1e-06..1e\\+12",
        ),
        ("class,share\nneutral,1\nneutral,1\n", DataError, "two shares of neutral"),
        ("class,share\nneutral,much\n", DataError, "these are not class shares"),
        ("neutral,1\n", DataError, "these are not class shares"),
    ],
)
def test_class_shares__says_what_is_wrong_with_a_file(tmp_path, text, error, message):
    path = tmp_path / "shares.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(error, match=message):
        class_shares(str(path), LABELS)


def test_class_shares__of_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match="neither a file nor one of ferplus, uniform"):
        class_shares("rafdb2", LABELS)


def test_describe_prior__is_one_line():
    text = describe_prior("mine.csv", {"neutral": 0.6, "anger": 0.4})
    assert text == "mine.csv: neutral 60.0 %, anger 40.0 %"
