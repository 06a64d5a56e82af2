"""The loss of a batch: BatchOutput and targets in, one number and its named terms out (BTN, Eq. 9)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.models.btn import BatchOutput
from fercli.presets import LossConfig

# Letters: B images, N classes.


def btn_loss(
    output: BatchOutput, targets: Tensor, config: LossConfig, *, class_weights: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """L = vit L_VIT + bt L_BT + cba L_CBA, each a cross-entropy averaged over the batch, in float32.

    Args: targets are class indices [B] (int64) or distributions [B, N] (float); class_weights [N] or None.
    Returns the loss and its unweighted terms, detached, by name.
    """
    heads = {
        "vit": (output.p_vit, config.vit),
        "bt": (output.p_bt, config.bt),
        "cba": (output.p_cba, config.cba),
        "aux": (output.aux, config.aux),
    }
    total = torch.zeros((), device=output.p_vit.device)
    terms: dict[str, Tensor] = {}
    for name, (logits, weight) in heads.items():
        if logits is not None and weight:
            # summed and divided by B: PyTorch's own mean divides by the weights for indices, but by B for distributions
            summed = F.cross_entropy(
                logits.float(), targets, weight=class_weights, label_smoothing=config.label_smoothing, reduction="sum"
            )
            term = summed / len(targets)
            total = total + weight * term
            terms[name] = term.detach()
    return total, terms


def class_weights(counts: Tensor, power: float) -> Tensor | None:
    """Weights n_c ** -power [N] with a mean of 1 over the images; None when power is 0."""
    if not power:
        return None
    present = counts.clamp_min(1).float()
    weights = present**-power
    return weights * (counts.sum() / (weights * counts).sum())
