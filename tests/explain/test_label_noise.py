"""Ranking doubtful labels: numbers by hand, and scikit-learn's average precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import average_precision_score

from fercli.explain.label_noise import (
    average_precision,
    cross_entropy,
    kl_divergence,
    mean_signal,
    most_doubtful,
    precision_at,
    suggest_labels,
)


def test_cross_entropy__is_minus_log_of_the_labels_probability_and_never_infinite():
    assert cross_entropy([[0.5, 0.5], [1.0, 0.0]], [0, 1]) == pytest.approx([math.log(2), math.log(1e6)])


def test_kl_divergence__is_scipys_and_never_infinite():
    draw = np.random.default_rng(0)
    ours, others = draw.dirichlet(np.ones(7), 20), draw.dirichlet(np.ones(7), 20)
    assert kl_divergence(ours, others) == pytest.approx(entropy(ours, others, axis=1), abs=1e-4)
    assert kl_divergence([[1.0, 0.0], [0.25, 0.75]], [[0.0, 1.0], [0.25, 0.75]]) == pytest.approx([math.log(1e6), 0])


def test_mean_signal__averages_what_an_image_has():
    signals = {"loss": np.array([1.0, 2.0]), "votes": np.array([3.0, np.nan])}
    assert mean_signal(signals) == pytest.approx([2.0, 2.0])
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


def test_suggest_labels__is_the_best_class_beside_the_label():
    first, second = np.array([[0.9, 0.1, 0.0]], np.float32), np.array([[0.2, 0.3, 0.5]], np.float32)
    assert suggest_labels([first, second], np.array([0])).tolist() == [2]
    assert suggest_labels([first, second], np.array([2])).tolist() == [0]
