"""How classes keep apart, against numbers by hand and scikit-learn's own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fercli.errors import RefusedError
from fercli.explain.clusters import intra_inter_ratio, separation, tsne


def test_intra_inter_ratio__by_hand():
    # two classes, each one away from its centre, the centres ten apart: 1 / 10
    points = np.array([[-1.0, 0], [1, 0], [9, 0], [11, 0]])
    assert intra_inter_ratio(points, np.array([0, 0, 3, 3])) == pytest.approx(0.1)


def test_separation__silhouette_by_hand():
    # a = 2 within, b = 10 (mean of 9 and 11, or of 10 and 12) to the others for the outer points, and 1 - a / b
    points = np.array([[-1.0, 0], [1, 0], [9, 0], [11, 0]])
    found = separation(points, np.array([0, 0, 1, 1]))
    outer, inner = 1 - 2 / 11, 1 - 2 / 9
    assert found.silhouette == pytest.approx((outer + inner) / 2)


def test_separation__one_class_has_none():
    assert math.isnan(separation(np.eye(4), [1, 1, 1, 1]).silhouette)


def test_tsne__keeps_two_far_groups_apart_and_is_decided_by_the_seed():
    draw = np.random.default_rng(0)
    groups = np.concatenate([draw.normal(0, 1, (15, 5)), draw.normal(40, 1, (15, 5))]).astype(np.float32)
    layout = tsne(groups, seed=1, perplexity=5)
    assert separation(layout, [0] * 15 + [1] * 15).silhouette > 0.5
    assert np.array_equal(layout, tsne(groups, seed=1, perplexity=5))
    with pytest.raises(RefusedError, match="perplexity 30 needs more than 30 images"):
        tsne(groups, seed=0, perplexity=30)
