"""Ranking doubtful labels: numbers by hand, and scikit-learn's average precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import average_precision_score

from fercli.explain.label_noise import (
    average_precision,
    combined,
    divergence,
    most_doubtful,
    precision_at,
    suggested,
    surprise,
)


def test_surprise__is_minus_log_of_the_labels_probability_and_never_infinite():
    assert surprise([[0.5, 0.5], [1.0, 0.0]], [0, 1]) == pytest.approx([math.log(2), math.log(1e6)])


def test_divergence__is_scipys_and_never_infinite():
    draw = np.random.default_rng(0)
    ours, others = draw.dirichlet(np.ones(7), 20), draw.dirichlet(np.ones(7), 20)
    assert divergence(ours, others) == pytest.approx(entropy(ours, others, axis=1), abs=1e-4)
    assert divergence([[1.0, 0.0], [0.25, 0.75]], [[0.0, 1.0], [0.25, 0.75]]) == pytest.approx([math.log(1e6), 0])


def test_combined__averages_what_an_image_has():
    signs = {"loss": np.array([1.0, 2.0]), "votes": np.array([3.0, np.nan])}
    assert combined(signs) == pytest.approx([2.0, 2.0])
    assert most_doubtful(np.array([1.0, 3.0, 1.0])).tolist() == [1, 0, 2]


def test_precision__counts_wrong_labels_among_the_first():
    wrong = np.array([True, False, True, False])
    assert precision_at([0, 1, 2, 3], wrong, 2) == 0.5
    assert precision_at([2, 0, 1, 3], wrong, 2) == 1.0
    assert precision_at([2, 0, 1, 3], wrong, 100) == 0.5


def test_average_precision__is_scikit_learns():
    draw = np.random.default_rng(0)
    score, wrong = draw.normal(size=300), draw.random(300) < 0.2
    assert average_precision(most_doubtful(score), wrong) == pytest.approx(average_precision_score(wrong, score))


def test_suggested__is_the_best_class_beside_the_label():
    first, second = np.array([[0.9, 0.1, 0.0]], np.float32), np.array([[0.2, 0.3, 0.5]], np.float32)
    assert suggested([first, second], np.array([0])).tolist() == [2]
    assert suggested([first, second], np.array([2])).tolist() == [0]
