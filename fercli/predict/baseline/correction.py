"""Subtract a person's resting expression from probabilities, in logit space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError

NEUTRAL = "neutral"
MARGIN = 3.0  # chosen by weights/baseline_experiment.py: docs/experiments.md
_FLOOR = 1e-6  # rows have six decimals

Floats = NDArray[np.float64]


def log_probabilities(probabilities: NDArray[np.floating]) -> Floats:
    """Return logits up to a constant per row: log probabilities [..., N], those below 1e-6 as 1e-6."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _FLOOR))


def subtract_baseline(
    probabilities: NDArray[np.floating], rest: NDArray[np.floating], *, neutral: int, margin: float = MARGIN
) -> Floats:
    """Return the probabilities [..., N] that a person's face has if `rest` [N], the one at rest, is neutral.

    The logits of the face less those at rest, plus `margin` for neutral: an expression becomes the most probable class when
    its log odds against neutral are more than `margin` above those at rest. neutral: index of that class.
    """
    logits = log_probabilities(probabilities) - log_probabilities(rest)
    logits[..., neutral] += margin
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def resting(probabilities: NDArray[np.floating]) -> Floats:
    """Return the resting probabilities [N] of frames [T, N]: the normalised median of their logits, which blinks do not move.

    Logits are centred per frame, so that a constant added to all classes of a frame makes no difference.
    """
    logits = log_probabilities(probabilities)
    middle = np.median(logits - logits.mean(axis=1, keepdims=True), axis=0)
    exponentials = np.exp(middle - middle.max())
    return np.asarray(exponentials / exponentials.sum())


def neutral_index(labels: Sequence[str]) -> int:
    """Return the index of the class neutral. Raises: UsageError if the model has none."""
    if NEUTRAL not in labels:
        raise UsageError(
            f"a baseline needs the class {NEUTRAL}; the model has {', '.join(labels)}", fix="remove --baseline"
        )
    return labels.index(NEUTRAL)
