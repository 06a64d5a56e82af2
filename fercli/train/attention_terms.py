"""What training measures and supervises of class batch attention: whether it goes to images of the same label.

Letters: B images of this process, A images whose keys they attend to (of all processes; B of one), N classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from fercli.formatting import percent

_COLLAPSED = 0.9


class BatchLabels(NamedTuple):
    """Labels [A] of the images that are attended to, whose rows from `start` on are this process's own.

    An image without one label has -1: its votes tie, or it is mixed with another image. truth: true classes [A], -1 where
    unknown; None if nothing is known.
    """

    labels: Tensor
    start: int = 0
    truth: Tensor | None = None

    @property
    def wrong(self) -> Tensor:
        """Whether an image's label is known to be wrong, bool [A]."""
        if self.truth is None:
            return torch.zeros_like(self.labels, dtype=torch.bool)
        return (self.truth >= 0) & (self.labels >= 0) & (self.truth != self.labels)

    def same(self, count: int) -> Tensor:
        """Whether an image (column) has the label of one of the `count` own images (row) and is another one: [B, A]."""
        own = self.labels[self.start : self.start + count].unsqueeze(1)
        return (own == self.labels) & (own >= 0) & ~self.itself(count)

    def itself(self, count: int) -> Tensor:
        """Whether an image (column) is the own image of the row: [B, A]."""
        columns = torch.arange(len(self.labels), device=self.labels.device) - self.start
        return columns == torch.arange(count, device=self.labels.device).unsqueeze(1)


def batch_labels(
    labels: Tensor,
    truth: Tensor | None = None,
    *,
    gather: Callable[[Tensor], Tensor] | None = None,
    start: int = 0,
) -> BatchLabels:
    """Labels of a batch from those of this process, and its true classes, [B] each.

    gather: collects rows of all processes where attention crosses processes; the rows of this one begin at `start`.
    """
    if gather is None:
        return BatchLabels(labels, 0, truth)
    return BatchLabels(gather(labels), start, None if truth is None else gather(truth))


def target_classes(targets: Tensor) -> Tensor:
    """The class of each target, [B]: class indices [B], or the mode of distributions [B, N]; -1 where two classes are equal."""
    if targets.ndim == 1:
        return targets
    first, second = targets.topk(2, dim=1).values.unbind(dim=1)
    return targets.argmax(dim=1).masked_fill(first == second, -1)


def attention_loss(scores: Tensor, batch: BatchLabels, *, count: int) -> Tensor:
    """-log of the attention to other images with the same label, averaged over the classes and the images that have one.

    Args: scores [N, B, A] before the softmax; count: images of the optimisation step, of which these A are a part. The
    parts of all processes and micro-batches add up to the mean.
    """
    same = batch.same(scores.shape[1])  # [B, A]
    has_one = same.any(dim=1)  # [B]
    log_weights = scores.log_softmax(dim=-1)
    # images without another one of their label get a finite value here, so that its gradient is 0 and not nan
    allowed = same | (~has_one.unsqueeze(1) & batch.itself(scores.shape[1]).logical_not())
    if scores.shape[2] == 1:
        return scores.sum() * 0.0
    log_mass = log_weights.masked_fill(~allowed, -math.inf).logsumexp(dim=-1)  # [N, B]
    total = torch.zeros_like(has_one, dtype=scores.dtype).where(~has_one, -log_mass.mean(dim=0)).sum()
    images = len(batch.labels)
    with_another = BatchLabels(batch.labels).same(images).any(dim=1).sum()  # in all processes
    return total / with_another.clamp_min(1) * (images / count)


@torch.no_grad()
def attention_diagnostics(scores: Tensor, batch: BatchLabels, *, count: int) -> dict[str, Tensor]:
    """Describe the attention of these images, as their part of the mean over classes and the `count` images of the step.

    attention_own: weight of the image itself; attention_images: effective number of images, the exponential of the
    entropy; attention_spread: that number divided by A. Of the attention to other images: attention_same_label, the share of
    those with the same label, and attention_wrong_label, of those whose label is known to be wrong; `..._chance` is the share
    of such images among the others. Images without one label have no image of the same label.
    """
    itself = batch.itself(scores.shape[1])
    keys = scores.shape[2]
    weights = scores.float().softmax(dim=-1)
    entropy = -(weights * weights.clamp_min(1e-30).log()).sum(dim=-1)  # [N, B]
    of_others = scores.float().masked_fill(itself, -math.inf).softmax(dim=-1) if keys > 1 else torch.zeros_like(weights)

    def mean(per_image: Tensor) -> Tensor:
        return per_image.sum() / (count * (len(scores) if per_image.ndim == 2 else 1))

    same = batch.same(scores.shape[1]).float()
    terms = {
        "attention_own": mean((weights * itself).sum(dim=-1)),
        "attention_images": mean(entropy.exp()),
        "attention_spread": mean(entropy.exp() / keys),
        "attention_same_label": mean((of_others * same).sum(dim=-1)),
        "attention_same_label_chance": mean(same.sum(dim=-1) / max(1, keys - 1)),
    }
    if batch.truth is not None:
        wrong = (batch.wrong & ~itself).float()  # [B, A]
        terms["attention_wrong_label"] = mean((of_others * wrong).sum(dim=-1))
        terms["attention_wrong_label_chance"] = mean(wrong.sum(dim=-1) / max(1, keys - 1))
    return terms


@torch.no_grad()
def wrong_label_terms(p_vit: Tensor, p_cba: Tensor | None, batch: BatchLabels, *, count: int) -> dict[str, Tensor]:
    """How many images of the step's `count` have a wrong label, and for how many of these a prediction is the true class.

    Args: logits [B, N]. Returns shares of all images: wrong_labels, wrong_vit_true and wrong_cba_true; nothing where no true
    class is known.
    """
    if batch.truth is None:
        return {}
    own = slice(batch.start, batch.start + len(p_vit))
    wrong, truth = batch.wrong[own], batch.truth[own]
    terms = {"wrong_labels": wrong.sum() / count}
    for name, logits in (("vit", p_vit), ("cba", p_cba)):
        if logits is not None:
            terms[f"wrong_{name}_true"] = (wrong & (logits.argmax(dim=1) == truth)).sum() / count
    return terms


def collapse_warning(own: float | None, spread: float | None) -> str | None:
    """Describe attention that tells images no longer apart, from the means of training or of one batch; None if it does.

    own: weight of the image itself; spread: effective number of images divided by that of all images.
    """
    if own is not None and own >= _COLLAPSED:
        return (
            f"class batch attention has collapsed onto the image itself (own weight {own:.2f}), so P_CBA is P_VIT and the "
            "batch adds nothing: --set cba.mask_self=true"
        )
    if spread is not None and spread >= _COLLAPSED:
        return (
            f"class batch attention is nearly uniform (effective number of images: {percent(spread, 0)} of the batch), so P_CBA "
            "is the mean of the batch: --set cba.similarity=cosine --set loss.attention=1"
        )
    return None
