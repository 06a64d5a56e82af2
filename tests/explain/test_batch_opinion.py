"""Attention and opinions of batch mates against torch's own module and numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fercli.explain.batch_opinion import attention, effective_number, mates_opinion
from fercli.models.batch_transformer import batch_attention

DRAW = np.random.default_rng(0)


def test_attention__is_the_models():
    embedding = DRAW.normal(size=(6, 3, 4)).astype(np.float32)
    theirs = batch_attention(torch.from_numpy(embedding), scale=0.5).numpy()
    assert attention(embedding, scale=0.5) == pytest.approx(theirs, abs=1e-6)


def test_attention__mates_only_leaves_the_image_out_and_keeps_the_rest_in_proportion():
    embedding = DRAW.normal(size=(4, 2, 3)).astype(np.float32)
    whole, mates = attention(embedding, scale=1), attention(embedding, scale=1, mates_only=True)
    assert np.diagonal(mates, axis1=1, axis2=2) == pytest.approx(0)
    assert mates.sum(axis=2) == pytest.approx(1)
    assert mates[1, 0, 2] / mates[1, 0, 3] == pytest.approx(whole[1, 0, 2] / whole[1, 0, 3], rel=1e-5)
    with pytest.raises(ValueError, match="no mates"):
        attention(embedding[:1], scale=1, mates_only=True)


def test_attention__of_an_image_that_listens_to_itself_keeps_what_the_mates_get():
    # by hand: products with itself 100, with the mates 60 and 50
    embedding = np.array([[[10, 0]], [[6, 0]], [[5, 0]]], np.float32)
    found = attention(embedding, scale=1)[0, 0]
    assert found[1:] == pytest.approx([np.exp(-40), np.exp(-50)], rel=1e-6)
    assert attention(embedding, scale=1, mates_only=True)[0, 0, 2] == pytest.approx(1 / (1 + np.exp(10)), rel=1e-6)


def test_mates_opinion__twins_of_another_label_outvote_an_image():
    # image 0 looks like 1 and 2 in every class, and nothing like 3
    side = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32) * 10
    embedding = np.repeat(side[:, None], 2, axis=1)  # [4, 2, 2]
    logits = np.array([[-5, 5], [3, 0], [3, 0], [0, 9]], np.float32)
    found = mates_opinion(embedding, logits, np.array([1, 0, 0, 1]), scale=1.0)
    assert found.answers[0] == pytest.approx([1 / (1 + np.exp(-3)), 1 / (1 + np.exp(3))], abs=1e-5)
    assert found.labels[0] == pytest.approx([1, 0], abs=1e-5)
    assert found.labels.sum(axis=1) == pytest.approx(1)


def test_effective_number__of_even_and_single_weights():
    assert effective_number(np.full(8, 1 / 8)) == pytest.approx(8, rel=1e-5)
    assert effective_number(np.array([0.0, 1.0, 0.0])) == pytest.approx(1)
