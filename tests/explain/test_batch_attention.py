"""Batch attention and the predictions of other images against the model and numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fercli.explain.batch_attention import Similarity, attention_weights, effective_number, predict_from_others
from fercli.models.batch_transformer import batch_attention
from fercli.weights.network import load_network

DRAW = np.random.default_rng(0)


def test_attention_weights__are_the_models():
    embedding = DRAW.normal(size=(6, 3, 4)).astype(np.float32)
    expected = batch_attention(torch.from_numpy(embedding), scale=0.5).numpy()
    assert attention_weights(embedding, Similarity(0.5)) == pytest.approx(expected, abs=1e-6)


def test_attention_weights__without_the_image_itself_keep_the_proportions_of_the_others():
    embedding = DRAW.normal(size=(4, 2, 3)).astype(np.float32)
    whole, others = (
        attention_weights(embedding, Similarity(1)),
        attention_weights(embedding, Similarity(1), exclude_self=True),
    )
    assert np.diagonal(others, axis1=1, axis2=2) == pytest.approx(0)
    assert others.sum(axis=2) == pytest.approx(1)
    assert others[1, 0, 2] / others[1, 0, 3] == pytest.approx(whole[1, 0, 2] / whole[1, 0, 3], rel=1e-5)
    with pytest.raises(ValueError, match="no other images"):
        attention_weights(embedding[:1], Similarity(1), exclude_self=True)


def test_attention_weights__of_an_image_that_attends_to_itself_keep_the_tiny_ones_of_others():
    # by hand: products with itself 100, with the others 60 and 50
    embedding = np.array([[[10, 0]], [[6, 0]], [[5, 0]]], np.float32)
    found = attention_weights(embedding, Similarity(1))[0, 0]
    assert found[1:] == pytest.approx([np.exp(-40), np.exp(-50)], rel=1e-6)
    assert attention_weights(embedding, Similarity(1), exclude_self=True)[0, 0, 2] == pytest.approx(
        1 / (1 + np.exp(10)), rel=1e-6
    )


def test_predict_from_others__similar_images_of_another_label_outvote_an_image():
    # image 0 looks like 1 and 2 in every class, and nothing like 3
    side = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32) * 10
    embedding = np.repeat(side[:, None], 2, axis=1)  # [4, 2, 2]
    logits = np.array([[-5, 5], [3, 0], [3, 0], [0, 9]], np.float32)
    found = predict_from_others(embedding, logits, np.array([1, 0, 0, 1]), Similarity(1.0))
    assert found.probabilities[0] == pytest.approx([1 / (1 + np.exp(-3)), 1 / (1 + np.exp(3))], abs=1e-5)
    assert found.label_shares[0] == pytest.approx([1, 0], abs=1e-5)
    assert found.label_shares.sum(axis=1) == pytest.approx(1)


def test_effective_number__of_even_and_single_weights():
    assert effective_number(np.full(8, 1 / 8)) == pytest.approx(8, rel=1e-5)
    assert effective_number(np.array([0.0, 1.0, 0.0])) == pytest.approx(1)


def test_attention_weights__of_centred_embeddings_are_the_networks(make_run):
    network = load_network(make_run("run", "cba.similarity=cosine", "cba.mask_self=true"), device="cpu")
    images = network.images(np.random.default_rng(3).integers(0, 255, (6, 48, 48, 3), np.uint8))
    _, embedding = network.batch_embedding(images)
    similarity = Similarity.of(network)
    assert similarity == (pytest.approx(10.0), True)
    with torch.no_grad():
        expected = network.model.forward_batch(images).scores.softmax(dim=-1).numpy()
    assert attention_weights(embedding, similarity, exclude_self=True) == pytest.approx(expected, abs=1e-4)
