"""The loss of a batch, a weighted sum of the cross-entropies of the network's heads (BTN, Eq. 9)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.config.training import LossConfig
from fercli.errors import UsageError
from fercli.models.btn import BatchOutput
from fercli.system.plugins import load_plugin, plugin_names
from fercli.train.attention_terms import (
    BatchLabels,
    attention_diagnostics,
    attention_loss,
    target_classes,
    wrong_label_terms,
)

# Letters: B images, N classes.


OtherLoss = Callable[[BatchOutput, Tensor], Tensor]  # targets as in btn_loss; summed over the images, not averaged


@lru_cache
def other_loss(name: str) -> OtherLoss:
    """The loss that an installed package adds under this name. Raises: UsageError with the known names."""
    if name not in plugin_names("fercli.losses"):
        known = ", ".join(plugin_names("fercli.losses")) or "none is installed"
        raise UsageError(f"unknown loss {name!r}", fix=f"--set loss.other=NAME, one of: {known}")
    loss: OtherLoss = load_plugin("fercli.losses", name)
    return loss


def btn_loss(
    output: BatchOutput,
    targets: Tensor,
    config: LossConfig,
    *,
    class_weights: Tensor | None = None,
    log_prior: Tensor | None = None,
    count: int | None = None,
    batch: BatchLabels | None = None,
    refine: float = 0.0,
    teacher: Tensor | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """L = vit L_VIT + bt L_BT + cba L_CBA (+ aux, image, distill, attention), averaged over the batch, in float32.

    The default weights of LossConfig are vit 2, bt 1, cba 1; vit, bt, cba, aux and image are cross-entropies.
    Args: targets are class indices [B] (int64) or distributions [B, N] (float); class_weights [N] or None; log_prior [N] is
    multiplied by logit_adjustment and added to the logits; count divides the sum if these B images are a part of a batch;
    batch: the labels of the images that are attended to, by default those of `targets`; refine: share of the network's own
    prediction in the target of L_VIT; teacher: see `refined_targets`.
    Returns the loss and its unweighted terms and diagnostics of the attention, detached, by name.
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
            truth = targets
            if name == "vit" and refine:
                truth = refined_targets(targets, output, config, shift=shift, share=refine, teacher=teacher)
            # summed and divided by B: PyTorch's own mean divides by the weights for indices, but by B for distributions
            adjusted = logits.float() if shift is None else logits.float() + shift
            summed = F.cross_entropy(
                adjusted, truth, weight=class_weights, label_smoothing=config.label_smoothing, reduction="sum"
            )
            term = summed / divisor
            total = total + weight * term
            terms[name] = term.detach()
    if config.other:
        term = other_loss(config.other)(output, targets) / divisor
        total = total + config.other_weight * term
        terms[config.other] = term.detach()
    if config.distill and output.p_bt is not None:
        term = _divergence(output.p_bt.detach(), output.p_vit) / divisor
        total = total + config.distill * term
        terms["distill"] = term.detach()
    batch = BatchLabels(target_classes(targets)) if batch is None else batch
    terms |= wrong_label_terms(output.p_vit, output.p_cba, batch, count=divisor)
    if output.scores is not None:
        if config.attention:
            term = attention_loss(output.scores, batch, count=divisor)
            total = total + config.attention * term
            terms["attention"] = term.detach()
        terms |= attention_diagnostics(output.scores, batch, count=divisor)
    return total, terms


def refined_targets(
    targets: Tensor,
    output: BatchOutput,
    config: LossConfig,
    *,
    shift: Tensor | None,
    share: float,
    teacher: Tensor | None = None,
) -> Tensor:
    """(1 - share) label + share softmax(P_CBA), [B, N] without gradient: what the other images predict corrects the label.

    With loss.refine_from = vit the image's own prediction; with ema and permuted `teacher`, logits [B, N]: P_VIT of the
    averaged weights, or P_CBA with the values of other images. shift: [N], added to its logits as to those of the losses.
    Raises: ValueError without that prediction.
    """
    if config.refine_from in ("cba", "vit"):
        teacher = output.p_vit if config.refine_from == "vit" else output.p_cba
    if teacher is None:
        raise ValueError(f"loss.refine_from={config.refine_from} needs a prediction that is missing")
    logits = teacher.detach().float() if shift is None else teacher.detach().float() + shift
    labels = targets if targets.ndim == 2 else F.one_hot(targets, logits.shape[1])
    return labels * (1 - share) + logits.softmax(dim=1) * share


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
