"""Configuration of training: loss, SAM, augmentation, optimiser; every field settable with `--set name=value`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class LossConfig:
    """L = vit L_VIT + bt L_BT + cba L_CBA (BTN, Eq. 9), each a cross-entropy; a weight of 0 leaves the term out."""

    vit: float = 2.0
    bt: float = 1.0
    cba: float = 1.0
    aux: float = 1.0  # of the head of ablate.mla_only = aux_head
    image: float = 0.0  # of a linear classifier on the image branch, in training only (deep supervision)
    distill: float = 0.0  # weight of KL(P_BT without gradient, P_VIT): the classifier learns from the batch transformer
    other: str = ""  # name of a loss that an installed package adds (entry point fercli.losses)
    other_weight: float = 1.0
    attention: float = 0.0  # weight of -log(attention to other images of the batch with the same label)
    refine: float = 0.0  # share of P_CBA's distribution, without gradient, in the target of L_VIT
    refine_after: float = 1.0  # epochs before `refine` begins
    refine_from: Literal["cba", "vit"] = "cba"  # vit: of P_VIT, the image's own prediction, as a control
    label_smoothing: float = 0.0
    soft_targets: bool = False  # vote distributions instead of one label, if the data set has votes
    single_votes: bool = True  # with soft targets: keep classes with one vote, which FERPlus' own rule drops
    first_label: float = 0.0  # with soft targets: weight of the original label (FER2013's) beside the votes
    teacher: float = 0.5  # with --teacher: weight of the teachers' probabilities in a target
    unlabelled: bool = True  # with soft targets: also train on images whose votes have no winner
    class_weight: float = 0.0  # weights n_c ** -class_weight, normalised; 0 is off
    logit_adjustment: float = 0.0  # this times log(class share) is added to the logits; 1 is balanced softmax

    @property
    def uses_batch_transformer(self) -> bool:
        """Whether the batch transformer is needed: a loss of P_BT, P_CBA or the attention has a weight, or P_CBA is a target."""
        return bool(
            self.bt or self.cba or self.distill or self.attention or (self.refine and self.refine_from == "cba")
        )


@dataclass(frozen=True)
class SamConfig:
    """Sharpness-aware minimisation (Foret et al. 2021); rho 0 is the plain optimiser."""

    rho: float = 0.05
    adaptive: bool = False
    freeze_bn_second: bool = False  # false: batch-norm statistics are updated in both passes, as in the official code
    report: Literal["first", "both"] = (
        "first"  # passes whose loss and accuracy are reported; official: the mean of both
    )


@dataclass(frozen=True)
class AugmentConfig:
    """Data augmentation of a crop. Lengths are fractions of the side, angles are degrees; 0 is off."""

    flip: float = 0.5
    rotate: float = 0.0
    translate: float = 0.0
    scale: float = 0.0  # zoom factor sampled from 1 - scale .. 1 + scale
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0  # rotation by up to this fraction of the colour circle either way; no effect on grey
    lowres: float = 0.0  # probability of resizing to 25..75 % and back
    blur: float = 0.0  # probability of a Gaussian blur, sigma 0.5..1.5 px
    gamma: float = 0.0  # raised to a power sampled from exp(-gamma) .. exp(gamma)
    light: float = 0.0  # gradient of brightness in a random direction, up to this share either way
    sharpen: float = 0.0  # probability of unsharp masking, strength 0.5..1.5
    noise: float = 0.0  # Gaussian noise, standard deviation sampled from 0 .. noise
    jpeg: float = 0.0  # probability of JPEG compression, quality 20..83
    mixup: float = 0.0  # probability of blending with another image, which gets up to half of pixels and target
    cutmix: float = 0.0  # probability of a square of another image, side 30..70 %
    erase: float = 0.5  # probability of RandomErasing, after normalisation, with 0
    erase_scale: tuple[float, float] = (0.02, 0.1)
    erase_ratio: tuple[float, float] = (0.3, 3.3)  # height to width of the erased rectangle


@dataclass(frozen=True)
class TrainConfig:
    """One recipe. The defaults are the paper's RAF-DB run (BTN 4.2), or its baseline's where the paper is silent.

    batch_size: images of one step, over all processes and micro-batches.
    """

    recipe: str = "rafdb"
    epochs: int = 200
    batch_size: int = 64
    accumulate: int = 1  # micro-batches per step, to save memory; CBA then attends within a micro-batch
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)  # adam, adamw
    eps: float = 1e-8  # adam, adamw
    momentum: float = 0.9  # sgd, Nesterov
    lr: float = 2e-5
    backbone_lr: float = 1.0  # factor on lr for the image branch, which is usually pretrained
    weight_decay: float = 0.0
    schedule: Literal["exponential", "cosine", "constant"] = "exponential"
    gamma: float = 0.98  # exponential: factor per epoch
    warmup_epochs: float = 0.0
    sampler: Literal["shuffle", "balanced"] = "shuffle"
    balance: float = 1.0  # balanced: images sampled per class are proportional to n_c ** (1 - balance)
    drop_last: bool = False
    grad_clip: float = 0.0  # global norm; 0 is off
    ema: float = 0.0  # decay per step of the exponential moving average that is evaluated; 0 is off
    amp: Literal["off", "bf16", "fp16"] = "off"
    tf32: bool = True  # float32 products of training in TF32 on GPUs that have it; scoring never uses it
    channels_last: bool = True  # memory format of images and convolutions; the baseline's is contiguous
    compile: bool = False  # torch.compile: takes minutes at the start, then faster steps on GPUs
    deterministic: bool = False  # use deterministic GPU kernels only; CPUs are always deterministic
    sync_bn: bool = False  # with several processes: batch norm over the images of all
    seed: int = 0
    validation: float = 0.0  # stratified fraction of train held out if the data set has no validation split
    select: Literal["val", "last", "test_best"] = "last"  # epoch whose weights are the run's result; all are reported
    test_best: bool = True  # also score the test split after every epoch, for the common best-on-test number
    patience: int = 0  # stop after this many epochs without a better validation accuracy; 0 is off
    loss: LossConfig = field(default_factory=LossConfig)
    sam: SamConfig = field(default_factory=SamConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        limits = {
            "epochs": (self.epochs, 1, None),
            "batch_size": (self.batch_size, 1, None),
            "accumulate": (self.accumulate, 1, self.batch_size),
            "betas": (min(self.betas), 0, 1),
            "eps": (self.eps, 0, None),
            "momentum": (self.momentum, 0, 1),
            "patience": (self.patience, 0, None),
            "lr": (self.lr, 0, None),
            "backbone_lr": (self.backbone_lr, 0, None),
            "weight_decay": (self.weight_decay, 0, None),
            "gamma": (self.gamma, 0, 1),
            "warmup_epochs": (self.warmup_epochs, 0, None),
            "grad_clip": (self.grad_clip, 0, None),
            "ema": (self.ema, 0, 0.999999),
            "validation": (self.validation, 0, 0.9),
            "seed": (self.seed, 0, None),
            "balance": (self.balance, 0, 1),
            "loss.vit": (self.loss.vit, 0, None),
            "loss.bt": (self.loss.bt, 0, None),
            "loss.cba": (self.loss.cba, 0, None),
            "loss.aux": (self.loss.aux, 0, None),
            "loss.image": (self.loss.image, 0, None),
            "loss.other_weight": (self.loss.other_weight, 0, None),
            "loss.distill": (self.loss.distill, 0, None),
            "loss.class_weight": (self.loss.class_weight, 0, None),
            "loss.attention": (self.loss.attention, 0, None),
            "loss.refine": (self.loss.refine, 0, 1),
            "loss.refine_after": (self.loss.refine_after, 0, None),
            "loss.label_smoothing": (self.loss.label_smoothing, 0, 1),
            "loss.first_label": (self.loss.first_label, 0, 1),
            "loss.teacher": (self.loss.teacher, 0, 1),
            "sam.rho": (self.sam.rho, 0, None),
            "augment.flip": (self.augment.flip, 0, 1),
            "augment.rotate": (self.augment.rotate, 0, 180),
            "augment.translate": (self.augment.translate, 0, 1),
            "augment.brightness": (self.augment.brightness, 0, 1),
            "augment.contrast": (self.augment.contrast, 0, 1),
            "augment.saturation": (self.augment.saturation, 0, 1),
            "augment.lowres": (self.augment.lowres, 0, 1),
            "augment.blur": (self.augment.blur, 0, 1),
            "augment.hue": (self.augment.hue, 0, 0.5),
            "augment.scale": (self.augment.scale, 0, 0.9),
            "augment.erase": (self.augment.erase, 0, 1),
            "augment.mixup": (self.augment.mixup, 0, 1),
            "augment.cutmix": (self.augment.cutmix, 0, 1),
            "augment.mixup + augment.cutmix": (self.augment.mixup + self.augment.cutmix, 0, 1),
            "augment.gamma": (self.augment.gamma, 0, 3),
            "augment.light": (self.augment.light, 0, 1),
            "augment.sharpen": (self.augment.sharpen, 0, 1),
            "augment.noise": (self.augment.noise, 0, 1),
            "augment.jpeg": (self.augment.jpeg, 0, 1),
            "augment.erase_ratio": (min(self.augment.erase_ratio), 0.01, None),
        }
        errors = [
            f"{name} must be at least {low}" + (f" and at most {high}" if high is not None else "") + f", got {value}"
            for name, (value, low, high) in limits.items()
            if value < low or (high is not None and value > high)
        ]
        if errors:
            raise ValueError("; ".join(errors))
