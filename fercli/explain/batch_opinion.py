"""What an image's batch mates say of it: embeddings, scores and labels of a batch in, attention and opinions out.

Letters: B images in the batch, N classes, D positions of one embedded channel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fercli.weights.preprocess import softmax


class Opinion(NamedTuple):
    """Of its mates alone, the image itself left out: class probabilities [B, N], and the shares of their labels [B, N]."""

    answers: NDArray[np.float32]
    labels: NDArray[np.float32]


def attention(embedding: NDArray[np.float32], *, scale: float, mates_only: bool = False) -> NDArray[np.float64]:
    """Weights of class batch attention, from each image (row) to each image (column): [B, N, D] -> [N, B, B] (BTN, Eq. 3-5).

    Rows sum to 1, in float64: what mates get beside the image itself can be far below what float32 tells from 1.
    mates_only: an image does not listen to itself; needs two images.
    """
    per_class = embedding.transpose(1, 0, 2).astype(np.float64)  # [N, B, D]
    products = per_class @ per_class.transpose(0, 2, 1) * scale  # [N, B, B]
    if mates_only:
        if len(embedding) < 2:
            raise ValueError("an image alone has no mates")
        products[:, np.arange(len(embedding)), np.arange(len(embedding))] = -np.inf
    raised = np.exp(products - products.max(axis=2, keepdims=True))
    return np.asarray(raised / raised.sum(axis=2, keepdims=True))


def mates_opinion(
    embedding: NDArray[np.float32], logits: NDArray[np.float32], labels: NDArray[np.int64], *, scale: float
) -> Opinion:
    """Mix P_VIT [B, N] and labels [B] of each image's mates by their class batch attention.

    answers: softmax over the classes of the mixed logits, P_CBA without the image's own part.
    labels: for each class the attention that mates with that label get, divided by the sum over the classes.
    """
    weights = attention(embedding, scale=scale, mates_only=True)  # [N, B, B]
    mixed = np.einsum("nij,jn->in", weights, logits)  # [B, N]
    ones = np.eye(logits.shape[1])[labels]  # [B, N]
    shares = np.einsum("nij,jn->in", weights, ones)
    total = shares.sum(axis=1, keepdims=True)
    even = np.full_like(shares, 1 / shares.shape[1])
    return Opinion(softmax(mixed), np.divide(shares, total, out=even, where=total > 0).astype(np.float32))


def effective_number(weights: NDArray[np.float64]) -> float:
    """How many images share a row of attention [B]: the exponential of its entropy, 1..B."""
    present = weights[weights > 0]
    return float(np.exp(-(present * np.log(present)).sum()))
