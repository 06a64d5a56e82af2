"""The resting expression in logit space, by hand."""

import numpy as np
import pytest

from fercli.errors import UsageError
from fercli.predict.baseline.correction import MARGIN, log_probabilities, neutral_index, resting, subtract_baseline


def test_subtract_baseline__a_face_at_rest_is_neutral_by_the_margin():
    rest = np.array([0.2, 0.1, 0.7])  # rests sad
    corrected = subtract_baseline(rest, rest, neutral=0, margin=2.0)
    # all logits cancel; neutral has e^2 against 1 and 1
    np.testing.assert_allclose(corrected, np.array([np.exp(2), 1, 1]) / (np.exp(2) + 2))


@pytest.mark.parametrize(("odds", "label"), [(np.exp(2.1), 1), (np.exp(1.9), 0)])
def test_subtract_baseline__an_expression_needs_log_odds_above_rest_by_the_margin(odds: float, label: int):
    rest, face = np.array([0.6, 0.4]), np.array([0.6, 0.4 * odds])
    assert subtract_baseline(face / face.sum(), rest, neutral=0, margin=2.0).argmax() == label


def test_subtract_baseline__rows_are_independent_and_sum_to_one():
    faces = np.random.default_rng(0).dirichlet(np.ones(7), 5)
    together = subtract_baseline(faces, faces[0], neutral=3)
    np.testing.assert_allclose(together[2], subtract_baseline(faces[2], faces[0], neutral=3))
    np.testing.assert_allclose(together.sum(axis=1), 1)
    assert together[0].argmax() == 3
    assert together[0, 3] == pytest.approx(np.exp(MARGIN) / (np.exp(MARGIN) + 6))


def test_log_probabilities__zero_counts_as_one_millionth():
    np.testing.assert_allclose(log_probabilities(np.array([0.0, 1.0])), [np.log(1e-6), 0])


def test_resting__is_the_median_of_the_logits_so_that_a_blink_changes_nothing():
    calm, blink = [0.8, 0.2], [0.01, 0.99]
    np.testing.assert_allclose(resting(np.array([calm, blink, calm])), calm)


def test_neutral_index__refuses_a_model_without_neutral():
    assert neutral_index(["anger", "neutral"]) == 1
    with pytest.raises(UsageError, match="needs the class neutral"):
        neutral_index(["pain", "no pain"])
