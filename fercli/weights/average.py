"""Average the trained weights of one network (Wortsman et al. 2022, "Model soups").

Runs that start from the same pretrained weights often end in one basin of the loss: the mean of their weights is then better
than any of them, at the inference cost of one. The mean of runs with different initial weights is useless. Evaluate it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from fercli import __version__
from fercli.errors import UsageError, WeightsError
from fercli.system.digest import file_sha256
from fercli.system.files import refuse_existing
from fercli.weights.card import WeightsCard
from fercli.weights.files import TORCH_SUFFIX, check_keys, load_weights, save_weights
from fercli.weights.find import find_weights


def mean_state(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of each tensor of states with the same keys, in the first one's precision; integers are the first one's."""
    return {
        key: torch.stack([state[key].double() for state in states]).mean(dim=0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for key, tensor in states[0].items()
    }


def average(weights: Sequence[str | Path], out: Path, *, overwrite: bool = False) -> WeightsCard:
    """Write the mean of several weights files, with the first one's card without its scores and temperature.

    Raises: UsageError for fewer than two, or an output that does not end in .safetensors; WeightsError where labels, crop or
        network differ.
    """
    if len(weights) < 2:
        raise UsageError(
            "averaging needs two weights files or more", fix="fer weights average A B --out MEAN.safetensors"
        )
    if out.suffix != TORCH_SUFFIX:
        raise UsageError(f"the output {out} must end in {TORCH_SUFFIX}", fix=str(out.with_suffix(TORCH_SUFFIX)))
    refuse_existing(out, overwrite=overwrite)
    paths = [find_weights(name, (TORCH_SUFFIX,)) for name in weights]
    (first, card), *others = [load_weights(path) for path in paths]
    for path, (state, other) in zip(paths[1:], others, strict=True):
        for what in ("labels", "crop", "model"):
            if getattr(other, what) != getattr(card, what):
                raise WeightsError(
                    f"{path} and {paths[0]} differ in {what}", fix="average runs of the same network and data set"
                )
        check_keys(state, first, where=str(path))
    mean = mean_state([first, *(state for state, _ in others)])
    origins = [
        {"file": path.name, "sha256": file_sha256(path), "provenance": own.provenance}
        for path, own in zip(paths, (card, *(other for _, other in others)), strict=True)
    ]
    provenance = {"averaged_by": f"fer weights average {__version__}", "averaged": origins}
    conventions = tuple(replace(other, temperature=1.0, scores={}) for other in card.conventions)
    averaged = replace(card, temperature=1.0, scores={}, conventions=conventions, provenance=provenance)
    save_weights(out, mean, averaged)
    return averaged
