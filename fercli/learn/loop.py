"""One optimisation step of a BTN: a batch of crops and targets in, losses out; prints nothing, touches no file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fercli.learn.augment import augment, erase
from fercli.learn.losses import btn_loss
from fercli.learn.sam import SAM
from fercli.models.btn import BTN, BatchOutput
from fercli.presets import InputConfig, TrainConfig

# Letters: B images, N classes, S side.


@dataclass(frozen=True)
class StepReport:
    """What one step saw, before the weights moved: mean loss and its terms, correct answers of P_VIT, images."""

    loss: float
    terms: dict[str, float]
    correct: int
    images: int


def make_optimizer(model: BTN, config: TrainConfig) -> torch.optim.Optimizer:
    """The recipe's optimizer over the trainable weights, with `backbone_lr` applied to the image branch.

    Every group keeps its factor in `lr_scale`; norms, biases and single vectors get no weight decay.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = config.backbone_lr if name.startswith("image_backbone.") else 1.0
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((scale, decay), []).append(parameter)
    settings = [
        {"params": parameters, "lr": config.lr * scale, "lr_scale": scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(settings, lr=config.lr, momentum=0.9, nesterov=True)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(settings, lr=config.lr)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group `lr` times its own factor."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


def normalise(crops: Tensor, config: InputConfig) -> Tensor:
    """(crops - mean) / std for crops [B, 3, S, S] in 0..1."""
    mean, std = (torch.tensor(values, device=crops.device).view(1, 3, 1, 1) for values in (config.mean, config.std))
    return (crops - mean) / std


def to_unit(crops: Tensor, config: InputConfig) -> Tensor:
    """uint8 crops [B, 3, S, S] to float 0..1 in channels-last memory, grey where the model wants it (ITU-R 601)."""
    unit = crops.float() / 255
    if config.colour == "grey":
        weights = torch.tensor((0.299, 0.587, 0.114), device=unit.device).view(1, 3, 1, 1)
        unit = (unit * weights).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return unit.contiguous(memory_format=torch.channels_last)


def prepare_batch(crops: Tensor, model: BTN, config: TrainConfig, draw: torch.Generator) -> Tensor:
    """uint8 crops [B, 3, S, S] to the augmented, normalised input of a training step."""
    changed = augment(to_unit(crops, model.config.input), config.augment, draw)
    images = erase(normalise(changed, model.config.input), config.augment, draw)
    return images.contiguous(memory_format=torch.channels_last)


def train_step(
    model: BTN,
    images: Tensor,
    targets: Tensor,
    optimizer: SAM,
    config: TrainConfig,
    *,
    class_weights: Tensor | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> StepReport:
    """Move the weights once: two gradients with SAM, one where its rho is 0.

    Args: images [B, 3, S, S] normalised, targets [B] indices or [B, N] distributions, on the model's device.
    The frozen landmark features are computed once for both passes.
    """
    model.train()
    frozen = model.config.landmark.bn == "frozen"
    with _autocast(config, images.device):
        taps = model.landmark_taps(images) if frozen else None

    def gradient() -> tuple[BatchOutput, Tensor, dict[str, Tensor]]:
        optimizer.optimizer.zero_grad(set_to_none=True)
        with _autocast(config, images.device):
            output = model.forward_batch(images, taps)
        loss, terms = btn_loss(output, targets, config.loss, class_weights=class_weights)
        (scaler.scale(loss) if scaler is not None else loss).backward()
        return output, loss, terms

    output, loss, terms = gradient()
    if optimizer.rho:
        optimizer.perturb(grad_scale=scaler.get_scale() if scaler is not None else 1.0)
        with _batch_norm_still(model, still=config.sam.freeze_bn_second):
            gradient()
        optimizer.restore()
    _move(model, optimizer.optimizer, scaler, config.grad_clip)
    truth = targets if targets.ndim == 1 else targets.argmax(dim=1)
    return StepReport(
        loss=float(loss.detach()),
        terms={name: float(term) for name, term in terms.items()},
        correct=int((output.p_vit.detach().argmax(dim=1) == truth).sum()),
        images=len(images),
    )


@torch.inference_mode()
def predict_logits(model: BTN, images: Tensor) -> Tensor:
    """P_VIT [B, N] of normalised images in evaluation mode, float32 on the CPU."""
    model.eval()
    return model(images).float().cpu()


def _move(model: BTN, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler | None, grad_clip: float) -> None:
    if scaler is not None:
        scaler.unscale_(optimizer)
    if grad_clip:
        nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], grad_clip)
    if scaler is not None:
        scaler.step(optimizer)
        scaler.update()
    else:
        optimizer.step()


def _autocast(config: TrainConfig, device: torch.device) -> contextlib.AbstractContextManager[object]:
    if config.amp == "off":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16 if config.amp == "bf16" else torch.float16)


@contextlib.contextmanager
def _batch_norm_still(model: nn.Module, *, still: bool) -> Iterator[None]:
    """Keep running statistics where they are: batch norm still uses the batch, but with a momentum of 0."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)] if still else []
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
