"""Statistics of agreement: equal to scikit-learn, statsmodels and the package krippendorff."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support
from statsmodels.stats.inter_rater import cohens_kappa as statsmodels_kappa

from fercli.coding import agreement


@pytest.fixture
def ratings() -> np.ndarray:
    """Three coders, 400 units, four classes: the second and third copy the first in three of four units."""
    random = np.random.default_rng(3)
    first = random.choice(4, size=400, p=[0.6, 0.2, 0.15, 0.05])
    others = [np.where(random.random(400) < 0.75, first, random.integers(0, 4, 400)) for _ in range(2)]
    return np.stack([first, *others])


@pytest.fixture
def counts(ratings: np.ndarray) -> np.ndarray:
    table = np.zeros((4, 4))
    np.add.at(table, (ratings[0], ratings[1]), 1)
    return table


def test_kappa__equals_scikit_learn_and_statsmodels(ratings: np.ndarray, counts: np.ndarray):
    kappa = float(agreement.cohens_kappa(counts))
    assert kappa == pytest.approx(cohen_kappa_score(ratings[0], ratings[1]))
    assert kappa == pytest.approx(statsmodels_kappa(counts).kappa)
    assert float(agreement.percent_agreement(counts)) == pytest.approx(np.mean(ratings[0] == ratings[1]))


def test_precision_and_recall__equal_scikit_learn(ratings: np.ndarray, counts: np.ndarray):
    expected = precision_recall_fscore_support(ratings[0], ratings[1], labels=range(4))
    assert agreement.precision(counts).tolist() == pytest.approx(expected[0].tolist())
    assert agreement.recall(counts).tolist() == pytest.approx(expected[1].tolist())


def test_alpha__equals_the_package_krippendorff(ratings: np.ndarray, counts: np.ndarray):
    pair = krippendorff.alpha(reliability_data=ratings[:2].astype(float), level_of_measurement="nominal")
    assert float(agreement.pair_alpha(counts)) == pytest.approx(pair)
    missing = ratings.copy()
    missing[np.random.default_rng(0).random(ratings.shape) < 0.3] = -1
    data = np.where(missing < 0, np.nan, missing.astype(float))
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert agreement.krippendorffs_alpha(missing, 4) == pytest.approx(expected)


def test_kappa__of_one_class_only_is_not_defined():
    counts = np.zeros((2, 2))
    counts[0, 0] = 10
    assert np.isnan(agreement.cohens_kappa(counts))
    assert agreement.estimate(agreement.cohens_kappa(counts), np.full(5, np.nan)) == agreement.Estimate(None, None)


def test_resampled__draws_whole_blocks():
    blocks = np.array([[[2.0, 0], [0, 0]], [[0, 0], [0, 3.0]]])
    sampled = agreement.resampled(blocks, seed=0, resamples=4000)
    totals = sampled[:, 0, 0] / 2 + sampled[:, 1, 1] / 3
    assert set(totals.tolist()) == {2.0}  # two blocks in every resample
    # the first block is drawn 0, 1 or 2 times with 1/4, 1/2, 1/4
    assert np.mean(sampled[:, 0, 0] == 2) == pytest.approx(0.5, abs=0.03)
    shares = agreement.percent_agreement(sampled)
    assert agreement.estimate(1.0, shares).interval == (1.0, 1.0)
