"""A model in, a torch.export program out: a .pt2 file that torch runs without this package's code, card inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fercli.export.parity import Answers
from fercli.weights.card import WeightsCard
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from torch import nn

PROGRAM_SUFFIX = ".pt2"


def save_program(model: nn.Module, card: WeightsCard, path: Path, facts: Mapping[str, Any]) -> None:
    """Write a model in evaluation mode as a program from images [batch, 3, S, S] to logits [batch, N], any batch.

    The archive also holds `card` and each of `facts` as JSON, for torch.export.load's extra_files.
    """
    import torch

    side = card.model.input.size
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(model, (torch.zeros(2, 3, side, side),), dynamic_shapes=({0: batch},))
    extra = {name: json.dumps(fact, sort_keys=True) for name, fact in facts.items()}
    torch.export.save(program, path, extra_files={"card": card.to_json(), **extra})


def open_program(path: Path) -> tuple[Answers, WeightsCard]:
    """Read a program back: a function from aligned crops uint8 [B, S, S, 3] to logits [B, N], and the card."""
    import torch

    extra = {"card": ""}
    run = torch.export.load(path, extra_files=extra).module()
    card = WeightsCard.from_json(extra["card"], where=str(path))

    def answers(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return run(torch.from_numpy(to_input(crops, card.model.input))).numpy()

    return answers, card
