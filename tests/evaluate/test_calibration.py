"""Calibration and risk-coverage against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from sklearn.calibration import calibration_curve

from fercli.errors import UsageError
from fercli.evaluate.calibration import calibration, expected_calibration_error, parse_coverages, risk_coverage


@pytest.fixture(scope="module")
def predictions() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    odds = np.exp(2 * random.normal(size=(500, 5)))
    table = odds / odds.sum(axis=1, keepdims=True)
    return table, np.array([random.choice(5, p=row**0.5 / (row**0.5).sum()) for row in table])


def test_bins__equal_scikit_learns_calibration_curve(predictions):
    table, truth = predictions
    found = calibration(table, truth, temperature=1.0, bins=10)
    right = (table.argmax(axis=1) == truth).astype(int)
    accuracy, confidence = calibration_curve(right, table.max(axis=1), n_bins=10)
    filled = [b for b in found.bins if b.n]
    assert [b.accuracy for b in filled] == pytest.approx(accuracy)
    assert [b.confidence for b in filled] == pytest.approx(confidence)
    assert sum(b.n for b in found.bins) == 500


def test_losses__equal_scikit_learn(predictions):
    table, truth = predictions
    found = calibration(table, truth, temperature=1.0)
    assert found.nll == pytest.approx(reference.log_loss(truth, table))
    per_class = [reference.brier_score_loss(truth == k, table[:, k]) for k in range(5)]
    assert found.brier == pytest.approx(sum(per_class))
    assert found.ece == pytest.approx(expected_calibration_error(table, truth))


def test_mce__is_the_largest_gap_by_hand():
    # confidences 0.95 (one of two right) and 0.55 (both right): gaps 0.45 each; with 0.8 once, wrong: gap 0.8
    table = [[0.95, 0.05], [0.95, 0.05], [0.45, 0.55], [0.45, 0.55], [0.8, 0.2]]
    found = calibration(table, [0, 1, 1, 1, 1], temperature=1.0, bins=10)
    assert found.mce == pytest.approx(0.8)
    assert found.ece == pytest.approx((2 * 0.45 + 2 * 0.45 + 0.8) / 5)


def test_risk_coverage__by_hand():
    # most confident first: right, wrong, right, wrong
    table = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]
    curve = risk_coverage(table, [0, 1, 0, 1])
    assert curve.coverage == pytest.approx([0.25, 0.5, 0.75, 1])
    assert curve.risk == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert curve.aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert curve.best_risk == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert curve.best_aurc == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert [curve.accuracy_at(share) for share in (0.25, 0.26, 0.5, 1)] == pytest.approx([1, 0.5, 0.5, 0.5])


def test_risk_coverage__does_not_depend_on_the_order_of_equal_confidences():
    # one right and one wrong with the same confidence: each counts half a mistake
    first = risk_coverage([[0.8, 0.2], [0.8, 0.2]], [0, 1])
    second = risk_coverage([[0.8, 0.2], [0.8, 0.2]], [1, 0])
    assert first.risk == pytest.approx([0.5, 0.5])
    assert second.risk == pytest.approx([0.5, 0.5])


def test_measures__refuse_no_images():
    for measure in (
        lambda: calibration(np.zeros((0, 2)), [], temperature=1.0),
        lambda: risk_coverage(np.zeros((0, 2)), []),
    ):
        with pytest.raises(ValueError, match="no images"):
            measure()


def test_parse_coverages__are_shares_each_once_in_order():
    assert parse_coverages("0.8,0.5, 1,0.50") == (0.5, 0.8, 1.0)


@pytest.mark.parametrize("text", ["", "0", "1.01", "80", "-0.5", "half", "0.5,", "nan"])
def test_parse_coverages__refuses_what_is_no_share(text):
    with pytest.raises(UsageError, match="not a list of shares"):
        parse_coverages(text)
