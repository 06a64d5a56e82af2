"""Class batch attention as numbers: its weights, and what the other images of a batch predict for one.

Letters: B images in the batch, N classes, D positions of one embedded channel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fercli.models.batch_transformer import batch_attention, centred_directions
from fercli.weights.network import Network
from fercli.weights.preprocess import softmax


class OthersPrediction(NamedTuple):
    """From the other images of the batch alone: class probabilities [B, N], and the shares of their labels [B, N]."""

    probabilities: NDArray[np.float32]
    label_shares: NDArray[np.float32]


class Similarity(NamedTuple):
    """How the embeddings of two images are compared: their product times `scale`, or the cosine of centred embeddings."""

    scale: float
    centred: bool = False

    @staticmethod
    def of(network: Network) -> Similarity:
        """The similarity a network was trained with; ValueError without the batch part."""
        if network.model.batch is None:
            raise ValueError("this BTN has no batch part")
        cba = network.model.batch.cba
        return Similarity(float(torch.as_tensor(cba.scale).detach()), cba.config.similarity == "cosine")


def attention_weights(
    embedding: NDArray[np.float32], similarity: Similarity, *, exclude_self: bool = False
) -> NDArray[np.float64]:
    """Return the weights of class batch attention, image (row) to image (column): [B, N, D] -> [N, B, B] (BTN, Eq. 3-5).

    Rows sum to 1. They are float64: what the other images get beside the image itself can be far below float32's precision.
    exclude_self: give an image no weight in its own row; ValueError for a single image.
    """
    if exclude_self and len(embedding) < 2:
        raise ValueError("a batch of one image has no other images")
    queries = torch.from_numpy(embedding.astype(np.float64))
    if similarity.centred:
        queries, _ = centred_directions(queries, queries)
    return batch_attention(queries, scale=similarity.scale, self_offset=0 if exclude_self else None).numpy()


def predict_from_others(
    embedding: NDArray[np.float32], logits: NDArray[np.float32], labels: NDArray[np.int64], similarity: Similarity
) -> OthersPrediction:
    """Mix P_VIT [B, N] and labels [B] of the other images of the batch by class batch attention.

    probabilities: softmax over the classes of the mixed logits, P_CBA without the image's own part.
    label_shares: for each class the attention to other images with that label, divided by its sum over the classes.
    """
    weights = attention_weights(embedding, similarity, exclude_self=True)  # [N, B, B]
    mixed = np.einsum("nij,jn->in", weights, logits)  # [B, N]
    one_hot = np.eye(logits.shape[1])[labels]  # [B, N]
    shares = np.einsum("nij,jn->in", weights, one_hot)
    total = shares.sum(axis=1, keepdims=True)
    uniform = np.full_like(shares, 1 / shares.shape[1])
    return OthersPrediction(softmax(mixed), np.divide(shares, total, out=uniform, where=total > 0).astype(np.float32))


def effective_number(weights: NDArray[np.float64]) -> float:
    """Effective number of images in a row of attention [B]: the exponential of its entropy, 1..B."""
    present = weights[weights > 0]
    return float(np.exp(-(present * np.log(present)).sum()))
