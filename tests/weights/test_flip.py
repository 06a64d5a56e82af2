"""weights.flip: the mean of a face and its mirror image, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import LoadedClassifier
from fercli.weights.flip import with_flip
from fercli.weights.priors import with_prior

CARD = WeightsCard(
    name="toy",
    version="1",
    labels=("neutral", "happiness"),
    schema="toy",
    crop=template("arcface"),
    model=model_preset("btn-tiny"),
    temperature=2.0,
    prior={"neutral": 0.5, "happiness": 0.5},
)


def _by_the_left_half(crops: np.ndarray) -> np.ndarray:
    """0.9 and 0.1 where the left half is light, else 0.3 and 0.7."""
    light = crops[:, :, :24].mean(axis=(1, 2, 3)) > 127
    return (2 * np.log(np.where(light[:, None], [0.9, 0.1], [0.3, 0.7]))).astype(np.float32)


def _half_light() -> np.ndarray:
    crop = np.zeros((1, 48, 48, 3), np.uint8)
    crop[:, :, :24] = 255
    return crop


def test_with_flip__averages_probabilities_not_logits():
    classifier = with_flip(LoadedClassifier(CARD, "onnx", "cpu", _by_the_left_half))
    np.testing.assert_allclose(classifier.classify(_half_light()), [[0.6, 0.4]], atol=1e-6)  # (0.9 + 0.3) / 2
    np.testing.assert_allclose(classifier.classify(_half_light()[:, :, ::-1]), [[0.6, 0.4]], atol=1e-6)


def test_with_flip__takes_other_class_shares():
    classifier = LoadedClassifier(CARD, "onnx", "cpu", _by_the_left_half)
    adjusted = with_flip(with_prior(classifier, {"neutral": 0.25, "happiness": 0.75}))
    # 0.9 / 2 : 0.1 * 1.5 = 0.75 : 0.25 and 0.3 / 2 : 0.7 * 1.5 = 0.125 : 0.875
    np.testing.assert_allclose(adjusted.classify(_half_light()), [[0.4375, 0.5625]], atol=1e-6)


def test_with_flip__a_probability_of_zero_stays_finite():
    certain = LoadedClassifier(CARD, "onnx", "cpu", lambda crops: np.tile(np.float32([2000, 0]), (len(crops), 1)))
    classifier = with_flip(replace(certain, card=replace(CARD, temperature=1.0)))
    assert np.isfinite(classifier.logits(_half_light())).all()
    np.testing.assert_allclose(classifier.classify(_half_light()), [[1, 0]], atol=1e-6)
