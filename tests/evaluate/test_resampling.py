"""Bootstrap intervals against scipy's, which draws images one by one."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from scipy.stats import bootstrap

from fercli.evaluate.metrics import confusion, macro_f1s, mean_class_accuracies
from fercli.evaluate.resampling import bootstrap_tables, percentile_interval


@pytest.fixture(scope="module")
def predictions() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    truth = random.choice(3, p=[0.5, 0.3, 0.2], size=400)
    return truth, np.where(random.random(400) < 0.7, truth, random.integers(0, 3, 400))


def test_statistics__equal_scikit_learn(predictions):
    matrix = confusion(*predictions, 3)
    assert mean_class_accuracies(matrix[None])[0] == pytest.approx(reference.balanced_accuracy_score(*predictions))
    assert macro_f1s(matrix[None])[0] == pytest.approx(reference.f1_score(*predictions, average="macro"))


def test_statistics__leave_out_classes_without_images():
    matrix = np.array([[[2, 0, 1], [0, 1, 0], [0, 0, 0]]])
    assert mean_class_accuracies(matrix)[0] == pytest.approx((2 / 3 + 1) / 2)
    assert macro_f1s(matrix)[0] == pytest.approx((4 / 5 + 1) / 2)


def test_interval__agrees_with_scipys_bootstrap_of_images(predictions):
    truth, predicted = predictions
    expected = bootstrap(
        (truth, predicted), reference.balanced_accuracy_score, paired=True, vectorized=False, n_resamples=400,
        method="percentile", random_state=1,
    ).confidence_interval  # fmt: skip
    tables = bootstrap_tables(confusion(truth, predicted, 3), within_classes=True)
    found = percentile_interval(mean_class_accuracies(tables))
    assert found == pytest.approx((expected.low, expected.high), abs=0.012)


def test_tables__keep_the_total_and_the_seed():
    counts = np.array([[5, 1], [2, 8]])
    tables = bootstrap_tables(counts, resamples=50, seed=3)
    assert (tables.sum(axis=(1, 2)) == 16).all()
    assert (tables == bootstrap_tables(counts, resamples=50, seed=3)).all()
    assert (tables != bootstrap_tables(counts, resamples=50, seed=4)).any()
