"""The loss of a batch, a weighted sum of the cross-entropies of the network's heads (BTN, Eq. 9)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.config.training import LossConfig
from fercli.models.btn import BatchOutput

# Letters: B images, N classes.


def btn_loss(
    output: BatchOutput,
    targets: Tensor,
    config: LossConfig,
    *,
    class_weights: Tensor | None = None,
    log_prior: Tensor | None = None,
    count: int | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """L = vit L_VIT + bt L_BT + cba L_CBA (+ aux, image, distill), each a cross-entropy averaged over the batch, in float32.

    The default weights of LossConfig are vit 2, bt 1, cba 1.
    Args: targets are class indices [B] (int64) or distributions [B, N] (float); class_weights [N] or None; log_prior [N] is
    multiplied by logit_adjustment and added to the logits; count divides the sum if these B images are a part of a batch.
    Returns the loss and its unweighted terms, detached, by name.
    """
    shift = None if log_prior is None else config.logit_adjustment * log_prior
    divisor = len(targets) if count is None else count
    heads = {
        "vit": (output.p_vit, config.vit),
        "bt": (output.p_bt, config.bt),
        "cba": (output.p_cba, config.cba),
        "aux": (output.aux, config.aux),
        "image": (output.image, config.image),
    }
    total = torch.zeros((), device=output.p_vit.device)
    terms: dict[str, Tensor] = {}
    for name, (logits, weight) in heads.items():
        if logits is not None and weight:
            # summed and divided by B: PyTorch's own mean divides by the weights for indices, but by B for distributions
            adjusted = logits.float() if shift is None else logits.float() + shift
            summed = F.cross_entropy(
                adjusted, targets, weight=class_weights, label_smoothing=config.label_smoothing, reduction="sum"
            )
            term = summed / divisor
            total = total + weight * term
            terms[name] = term.detach()
    if config.distill and output.p_bt is not None:
        term = _divergence(output.p_bt.detach(), output.p_vit) / divisor
        total = total + config.distill * term
        terms["distill"] = term.detach()
    return total, terms


def _divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """KL divergence of softmax(student) from softmax(teacher), logits [B, N], summed over the batch in float32."""
    return F.kl_div(
        student.float().log_softmax(dim=1), teacher.float().log_softmax(dim=1), log_target=True, reduction="sum"
    )


def log_class_prior(counts: Tensor) -> Tensor:
    """log(n_c / n) [N], which balanced softmax adds to the logits in training (Ren et al. 2020; Menon et al. 2021)."""
    present = counts.clamp_min(1).float()
    return (present / present.sum()).log()


def class_weights(counts: Tensor, power: float) -> Tensor | None:
    """Weights n_c ** -power [N] with a mean of 1 over the images; None when power is 0."""
    if not power:
        return None
    present = counts.clamp_min(1).float()
    weights = present**-power
    return weights * (counts.sum() / (weights * counts).sum())
