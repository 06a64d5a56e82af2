"""`fercli.load_model`: a trained network with its card and its preprocessing, for one's own torch code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fercli.config.model import InputConfig
from fercli.errors import UsageError
from fercli.faces.crop import resize_crop
from fercli.models.btn import BTN
from fercli.system.devices import resolve_device
from fercli.weights.card import WeightsCard
from fercli.weights.files import TORCH_SUFFIX
from fercli.weights.find import find_weights
from fercli.weights.network import load_btn
from fercli.weights.preprocess import to_input


@dataclass(frozen=True)
class Preprocessing:
    """Turn aligned face crops into a network's input: resize to `config.size`, grey if needed, normalise."""

    config: InputConfig
    device: torch.device

    def __call__(self, crops: NDArray[np.uint8]) -> Tensor:
        """Prepare RGB crops uint8 [H, W, 3] or [B, H, W, 3]; returns float32 [B, 3, S, S] on the network's device.

        Raises: UsageError for any other type or shape.
        """
        if (
            not isinstance(crops, np.ndarray)
            or crops.dtype != np.uint8
            or crops.ndim not in (3, 4)
            or crops.shape[-1] != 3
        ):
            actual = f"{crops.dtype} {list(crops.shape)}" if isinstance(crops, np.ndarray) else type(crops).__name__
            raise UsageError(
                f"crops must be uint8 [H, W, 3] or [B, H, W, 3] in RGB, got {actual}", fix="fercli.Predictor"
            )
        batch = crops[None] if crops.ndim == 3 else crops
        resized = np.stack([resize_crop(crop, self.config.size) for crop in batch])
        return torch.from_numpy(to_input(resized, self.config)).to(self.device)


class LoadedModel(NamedTuple):
    """A network in evaluation mode, the card of its weights, and what prepares its input.

    network(preprocess(crops)) is P_VIT, the logits [B, N] in the order of card.labels; probabilities are
    softmax(logits / card.temperature).
    """

    network: BTN
    card: WeightsCard
    preprocess: Preprocessing


def load_model(weights: str | Path | None = None, *, device: str = "auto") -> LoadedModel:
    """Load weights by path, run folder or name (None: the default model) in one line.

    Raises: WeightsError for unknown or broken weights, DeviceError.
    """
    network, card = load_btn(find_weights(weights, (TORCH_SUFFIX,)))
    target = resolve_device(device)
    return LoadedModel(network.to(target).eval(), card, Preprocessing(card.model.input, target))
