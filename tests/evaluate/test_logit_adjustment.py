"""Logit adjustment against odds by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.evaluate.logit_adjustment import fit_tau, logit_adjustment


def test_logit_adjustment__tau_one_divides_probabilities_by_the_classes_shares():
    # shares 0.9 and 0.1: odds that were 9 to 1 become even
    logits = np.log([[0.9, 0.1]])
    adjusted = np.exp(logits + logit_adjustment([90, 10], 1.0))
    assert (adjusted / adjusted.sum()).tolist() == [[pytest.approx(0.5), pytest.approx(0.5)]]


def test_logit_adjustment__is_zero_on_average_and_a_class_without_images_counts_one():
    assert logit_adjustment([7, 2, 0], 0.6).sum() == pytest.approx(0.0)
    assert logit_adjustment([7, 2, 0], 0.6).tolist() == logit_adjustment([7, 2, 1], 0.6).tolist()


# nine of class 0 with a logit lead of 2, one of them with 0.2; two of class 1 that trail by 0.3
LOGITS = [[2.0, 0.0]] * 8 + [[0.2, 0.0]] + [[0.3, 0.0]] * 2
TRUTH = [0] * 9 + [1] * 2


@pytest.mark.parametrize("objective", ["overall", "both", "mean"])
def test_fit_tau__adjusts_just_far_enough(objective):
    # log(9 / 2) = 1.504 per unit of tau; 0.2 of it closes a gap of 0.3 and loses the weakest of class 0
    assert fit_tau(LOGITS, TRUTH, [9, 2], objective=objective) == pytest.approx(0.2)


def test_fit_tau__overall_accuracy_does_not_pay_for_rare_classes():
    logits = [[0.2, 0.0]] * 9 + [[0.3, 0.0]]
    truth = [0] * 9 + [1]
    assert fit_tau(logits, truth, [9, 1], objective="overall") == 0.0
    # nine of ten and none of one are 0.5 on average; none of nine and one of one are 0.5 too: the one nearest to 0 wins
    assert fit_tau(logits, truth, [9, 1], objective="mean") == 0.0


def test_fit_tau__is_negative_where_a_rare_class_is_predicted_too_often():
    # class 1 leads by 0.1 everywhere, and is right once in ten: -0.05 * log 9 = -0.11 turns all ten
    assert fit_tau([[0.0, 0.1]] * 10, [0] * 9 + [1], [9, 1], objective="overall") == pytest.approx(-0.05)


def test_fit_tau__needs_images():
    with pytest.raises(ValueError, match="no images"):
        fit_tau(np.zeros((0, 2)), [], [1, 1], objective="both")
