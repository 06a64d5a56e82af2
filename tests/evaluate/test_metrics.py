"""Scores against values by hand, scikit-learn and published intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from fercli.evaluate.calibration import expected_calibration_error
from fercli.evaluate.metrics import (
    class_accuracies,
    confusion,
    fit_temperature,
    macro_f1,
    mean_class_accuracy,
    negative_log_likelihood,
    overall_accuracy,
    wilson_interval,
)


@pytest.fixture
def predictions() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    truth = random.integers(0, 7, 500)
    return truth, np.where(random.random(500) < 0.6, truth, random.integers(0, 7, 500))


def test_confusion__has_truth_in_rows():
    matrix = confusion(truth=[0, 0, 1], predicted=[1, 0, 1], classes=3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_confusion__equals_scikit_learn(predictions):
    truth, predicted = predictions
    assert (confusion(truth, predicted, 7) == reference.confusion_matrix(truth, predicted)).all()


@pytest.mark.parametrize(("truth", "predicted"), [([3], [0]), ([0], [-1]), ([0, 1], [0]), ([[0]], [[0]])])
def test_confusion__refuses_what_is_no_class(truth, predicted):
    with pytest.raises(ValueError, match=r"class indices|equal length"):
        confusion(truth, predicted, 3)


def test_mean_class_accuracy__counts_each_class_once():
    # three of four of class 0 right, none of one of class 1: (0.75 + 0) / 2; class 2 is absent
    matrix = confusion(truth=[0, 0, 0, 0, 1], predicted=[0, 0, 0, 1, 0], classes=3)
    assert mean_class_accuracy(matrix) == pytest.approx(0.375)
    assert overall_accuracy(matrix) == pytest.approx(0.6)
    assert class_accuracies(matrix) == pytest.approx([0.75, 0.0, math.nan], nan_ok=True)


def test_accuracies__equal_scikit_learn(predictions):
    matrix = confusion(*predictions, 7)
    assert overall_accuracy(matrix) == pytest.approx(reference.accuracy_score(*predictions))
    assert mean_class_accuracy(matrix) == pytest.approx(reference.balanced_accuracy_score(*predictions))
    assert class_accuracies(matrix) == pytest.approx(reference.recall_score(*predictions, average=None))
    assert macro_f1(matrix) == pytest.approx(reference.f1_score(*predictions, average="macro"))


def test_macro_f1__leaves_out_classes_that_do_not_occur():
    # class 0: TP 1, FP 0, FN 1 -> 2/3; class 1: TP 1, FP 0, FN 0 -> 1; class 2 is answered once but never true
    assert macro_f1(confusion([0, 0, 1], [0, 2, 1], 3)) == pytest.approx((2 / 3 + 1) / 2)


def test_scores__of_nothing_are_nan():
    empty = confusion([], [], 3)
    scores = [overall_accuracy(empty), mean_class_accuracy(empty), macro_f1(empty)]
    assert all(math.isnan(score) for score in scores)
    assert math.isnan(expected_calibration_error(np.zeros((0, 3)), []))


def test_expected_calibration_error__by_hand():
    # 10 bins: confidence 0.95 twice, one right: |0.5 - 0.95| * 2/4; 0.55 twice, both right: |1 - 0.55| * 2/4
    table = [[0.95, 0.05], [0.95, 0.05], [0.45, 0.55], [0.45, 0.55]]
    assert expected_calibration_error(table, [0, 1, 1, 1], bins=10) == pytest.approx(0.45)


def test_expected_calibration_error__certain_and_right_is_zero():
    assert expected_calibration_error(np.eye(3), [0, 1, 2]) == 0.0


def test_expected_calibration_error__bins_are_closed_above():
    # 0.5 belongs to (0, 0.5] of two bins, 0.75 to (0.5, 1]: gaps 0.5 and 0.25, half of the images each
    assert expected_calibration_error([[0.5, 0.5], [0.75, 0.25]], [0, 0], bins=2) == pytest.approx(0.375)


def test_negative_log_likelihood__equals_scikit_learn():
    logits = np.random.default_rng(0).normal(size=(50, 4))
    truth = np.arange(50) % 4
    odds = np.exp(logits)
    expected = reference.log_loss(truth, odds / odds.sum(axis=1, keepdims=True))
    assert negative_log_likelihood(logits, truth) == pytest.approx(expected)


def test_fit_temperature__of_two_classes_by_hand():
    # logits (2, 0), right 3 times of 4: the best temperature makes sigmoid(2 / T) = 3/4, so T = 2 / ln 3
    logits = np.tile([2.0, 0.0], (4, 1))
    assert fit_temperature(logits, [0, 0, 0, 1]) == pytest.approx(2 / math.log(3), rel=1e-5)


def test_fit_temperature__undoes_scaled_logits():
    random = np.random.default_rng(3)
    logits = random.normal(size=(4000, 7)) * 2
    odds = np.exp(logits)
    truth = [random.choice(7, p=row) for row in odds / odds.sum(axis=1, keepdims=True)]
    fitted = fit_temperature(logits, truth)
    assert fitted == pytest.approx(1.0, abs=0.06)  # drawn from the model itself
    assert fit_temperature(logits * 3, truth) == pytest.approx(3 * fitted, rel=1e-4)


def test_fit_temperature__refuses_no_images():
    with pytest.raises(ValueError, match="no images"):
        fit_temperature(np.zeros((0, 3)), [])


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval__equals_newcombes_table(right, total, low, high):
    assert wilson_interval(right, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval__without_images_is_zero_to_one():
    assert wilson_interval(0, 0) == (0.0, 1.0)
