"""Separation of classes in feature space, and t-SNE."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.errors import RefusedError
from fercli.system.packages import require

# Letters: B images, D dimensions.


@dataclass(frozen=True)
class Separation:
    """How well classes are separated. silhouette: -1..1, higher is better; ratio: intra/inter-class distance, lower is better."""

    silhouette: float
    ratio: float


def separation(features: ArrayLike, classes: ArrayLike) -> Separation:
    """Compute silhouette (Rousseeuw 1987) and intra/inter-class ratio of features [B, D]; nan with fewer than two classes.

    Raises: RefusedError without scikit-learn.
    """
    table, names = np.asarray(features, np.float64), np.asarray(classes, np.int64)
    if not 2 <= len(np.unique(names)) < len(names):
        return Separation(math.nan, math.nan)
    require("class separation", ["sklearn"])
    from sklearn.metrics import silhouette_score

    return Separation(float(silhouette_score(table, names)), intra_inter_ratio(table, names))


def intra_inter_ratio(features: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """Return the mean distance of images to the centre of their class over the mean distance between centres."""
    names = np.unique(classes)
    centres = np.stack([features[classes == name].mean(axis=0) for name in names])  # [N, D]
    within = np.linalg.norm(features - centres[np.searchsorted(names, classes)], axis=1).mean()
    first, second = np.triu_indices(len(names), k=1)
    between = np.linalg.norm(centres[first] - centres[second], axis=1).mean()
    return float(within / between) if between else math.inf


def tsne(features: NDArray[np.float32], *, seed: int, perplexity: float) -> NDArray[np.float32]:
    """Embed features [B, D] in two dimensions, [B, 2] (van der Maaten and Hinton 2008), initialised by PCA.

    Raises: RefusedError without scikit-learn, or for a perplexity that is not below the number of images.
    """
    if not 1 <= perplexity < len(features):
        raise RefusedError(
            f"perplexity {perplexity:g} needs more than {len(features)} images",
            fix="--count higher, or --perplexity lower",
        )
    require("t-SNE", ["sklearn"])
    from sklearn.manifold import TSNE

    start = "pca" if min(features.shape) >= 2 else "random"
    layout = TSNE(n_components=2, perplexity=perplexity, init=start, learning_rate="auto", random_state=seed)
    return np.asarray(layout.fit_transform(features), np.float32)
