"""Convert aligned crops to the input of a network, and logits to calibrated probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fercli.config.model import InputConfig

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def to_input(crops: NDArray[np.uint8], config: InputConfig) -> NDArray[np.float32]:
    """Scale RGB crops to 0..1, convert them to grey if the model needs it, subtract the mean, divide by the standard deviation.

    Args: crops uint8 [B, S, S, 3] RGB with S == config.size. Returns float32 [B, 3, S, S], contiguous.
    Raises: ValueError for any other type or shape.
    """
    check_crops(crops, config)
    mean, std = (np.asarray(values, np.float64).reshape(1, 3, 1, 1) for values in (config.mean, config.std))
    scale, shift = (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)
    planes = np.empty((len(crops), 3, config.size, config.size), np.float32)
    if config.colour == "grey":
        np.multiply((crops @ np.asarray(LUMA, np.float32))[:, None], scale, out=planes)
    else:
        np.multiply(crops.transpose(0, 3, 1, 2), scale, out=planes)
    planes += shift
    return planes


def check_crops(crops: NDArray[np.uint8], config: InputConfig) -> None:
    """Raise ValueError unless crops are uint8 [B, S, S, 3] with S == config.size."""
    expected = (config.size, config.size, 3)
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != expected:
        raise ValueError(
            f"crops must be uint8 [B, {config.size}, {config.size}, 3], got {crops.dtype} {list(crops.shape)}"
        )


def mirror(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return crops [B, S, S, 3] flipped horizontally."""
    return np.ascontiguousarray(crops[:, :, ::-1])


def flip_averaged_softmax(
    logits: NDArray[np.float32], mirrored: NDArray[np.float32], temperature: float = 1.0
) -> NDArray[np.float32]:
    """Return the mean of the probabilities of faces and of their mirror images, from the logits [B, N] of each: float32."""
    return np.float32(0.5) * (softmax(logits, temperature) + softmax(mirrored, temperature))


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """Return the softmax of logits [B, N] divided by a calibration temperature (Guo et al. 2017): float32, rows sum to 1."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)
