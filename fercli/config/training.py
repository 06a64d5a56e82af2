"""Configuration of training: loss, SAM, augmentation, optimiser; every field settable with `--set name=value`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from fercli.config.ranges import Share, Shares, Weight, Within, range_errors


@dataclass(frozen=True)
class LossConfig:
    """L = vit L_VIT + bt L_BT + cba L_CBA (BTN, Eq. 9), each a cross-entropy; a weight of 0 leaves the term out."""

    vit: Weight = 2.0
    bt: Weight = 1.0
    cba: Weight = 1.0
    aux: Weight = 1.0  # of the head of ablate.mla_only = aux_head
    image: Weight = 0.0  # of a linear classifier on the image branch, in training only (deep supervision)
    distill: Weight = 0.0  # of KL(P_BT without gradient, P_VIT): the classifier learns from the batch transformer
    other: str = ""  # name of a loss that an installed package adds (entry point fercli.losses)
    other_weight: Weight = 1.0
    attention: Weight = 0.0  # weight of -log(attention to other images of the batch with the same label)
    refine: Share = 0.0  # share of P_CBA's distribution, without gradient, in the target of L_VIT
    refine_after: Annotated[float, Within(0, 100_000)] = 1.0  # epochs before `refine` begins
    # controls: P_VIT; P_VIT of averaged weights; P_CBA with the values of other images
    refine_from: Literal["cba", "vit", "ema", "permuted"] = "cba"
    label_smoothing: Share = 0.0
    soft_targets: bool = False  # vote distributions instead of one label, if the data set has votes
    single_votes: bool = True  # with soft targets: keep classes with one vote, which FERPlus' own rule drops
    first_label: Share = 0.0  # with soft targets: weight of the original label (FER2013's) beside the votes
    teacher: Share = 0.5  # with --teacher: weight of the teachers' probabilities in a target
    unlabelled: bool = True  # with soft targets: also train on images whose votes have no winner
    class_weight: Annotated[float, Within(0, 10)] = 0.0  # weights n_c ** -class_weight, normalised; 0 is off
    logit_adjustment: Annotated[float, Within(-100, 100)] = (
        0.0  # times log(class share) on the logits; 1 is balanced softmax
    )

    @property
    def uses_batch_transformer(self) -> bool:
        """Whether the batch transformer is needed: a loss of P_BT, P_CBA or the attention has a weight, or P_CBA is a target."""
        from_others = self.refine and self.refine_from in ("cba", "permuted")
        return bool(self.bt or self.cba or self.distill or self.attention or from_others)


@dataclass(frozen=True)
class SamConfig:
    """Sharpness-aware minimisation (Foret et al. 2021); rho 0 is the plain optimiser."""

    rho: Annotated[float, Within(0, 1e38)] = 0.05
    adaptive: bool = False
    freeze_bn_second: bool = False  # false: batch-norm statistics are updated in both passes, as in the official code
    report: Literal["first", "both"] = (
        "first"  # passes whose loss and accuracy are reported; official: the mean of both
    )


@dataclass(frozen=True)
class AugmentConfig:
    """Data augmentation of a crop. Lengths are fractions of the side, angles are degrees; 0 is off."""

    flip: Share = 0.5
    rotate: Annotated[float, Within(0, 180)] = 0.0
    translate: Share = 0.0
    scale: Annotated[float, Within(0, 0.9)] = 0.0  # zoom factor sampled from 1 - scale .. 1 + scale
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Within(0, 0.5)] = (
        0.0  # rotation by up to this fraction of the colour circle; no effect on grey
    )
    lowres: Share = 0.0  # probability of resizing to 25..75 % and back
    blur: Share = 0.0  # probability of a Gaussian blur, sigma 0.5..1.5 px
    gamma: Annotated[float, Within(0, 3)] = 0.0  # raised to a power sampled from exp(-gamma) .. exp(gamma)
    light: Share = 0.0  # gradient of brightness in a random direction, up to this share either way
    sharpen: Share = 0.0  # probability of unsharp masking, strength 0.5..1.5
    noise: Share = 0.0  # Gaussian noise, standard deviation sampled from 0 .. noise
    jpeg: Share = 0.0  # probability of JPEG compression, quality 20..83
    mixup: Share = 0.0  # probability of blending with another image, which gets up to half of pixels and target
    cutmix: Share = 0.0  # probability of a square of another image, side 30..70 %
    erase: Share = 0.5  # probability of RandomErasing, after normalisation, with 0
    erase_scale: Shares = (0.02, 0.1)
    erase_ratio: Annotated[tuple[float, float], Within(0.01, 100)] = (0.3, 3.3)  # height to width


@dataclass(frozen=True)
class TrainConfig:
    """One recipe. The defaults are the paper's RAF-DB run (BTN 4.2), or its baseline's where the paper is silent.

    batch_size: images of one step, over all processes and micro-batches.
    """

    recipe: str = "rafdb"
    epochs: Annotated[int, Within(1, 100_000)] = 200
    batch_size: Annotated[int, Within(1, 1_000_000)] = 64
    accumulate: Annotated[int, Within(1, 1_000_000)] = (
        1  # micro-batches per step, to save memory; CBA attends within one
    )
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    betas: Annotated[tuple[float, float], Within(0, 0.9999999)] = (0.9, 0.999)  # adam, adamw
    eps: Annotated[float, Within(0, 1)] = 1e-8  # adam, adamw
    momentum: Annotated[float, Within(0, 1)] = 0.9  # sgd, Nesterov
    lr: Annotated[float, Within(0, 1e38)] = 2e-5
    backbone_lr: Annotated[float, Within(0, 10_000)] = (
        1.0  # factor on lr for the image branch, which is usually pretrained
    )
    weight_decay: Annotated[float, Within(0, 100)] = 0.0
    schedule: Literal["exponential", "cosine", "constant"] = "exponential"
    gamma: Annotated[float, Within(0, 1)] = 0.98  # exponential: factor per epoch
    warmup_epochs: Annotated[float, Within(0, 100_000)] = 0.0
    sampler: Literal["shuffle", "balanced"] = "shuffle"
    balance: Share = 1.0  # balanced: images sampled per class are proportional to n_c ** (1 - balance)
    drop_last: bool = False
    grad_clip: Annotated[float, Within(0, 1e9)] = 0.0  # global norm; 0 is off
    ema: Annotated[float, Within(0, 0.999999)] = (
        0.0  # decay per step of the exponential moving average that is evaluated; 0 is off
    )
    amp: Literal["off", "bf16", "fp16"] = "off"
    tf32: bool = True  # float32 products of training in TF32 on GPUs that have it; scoring never uses it
    channels_last: bool = True  # memory format of images and convolutions; the baseline's is contiguous
    compile: bool = False  # torch.compile: takes minutes at the start, then faster steps on GPUs
    deterministic: bool = False  # use deterministic GPU kernels only; CPUs are always deterministic
    sync_bn: bool = False  # with several processes: batch norm over the images of all
    seed: Annotated[int, Within(0, 2**63 - 1)] = 0
    validation: Annotated[float, Within(0, 0.9)] = (
        0.0  # stratified fraction of train held out if there is no validation split
    )
    select: Literal["val", "last", "test_best"] = "last"  # epoch whose weights are the run's result; all are reported
    test_best: bool = True  # also score the test split after every epoch, for the common best-on-test number
    patience: Annotated[int, Within(0, 1_000_000)] = (
        0  # stop after this many epochs without a better validation accuracy; 0 is off
    )
    loss: LossConfig = field(default_factory=LossConfig)
    sam: SamConfig = field(default_factory=SamConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        errors = range_errors(self)
        if self.accumulate > self.batch_size:
            errors.append(f"accumulate must be at least 1 and at most {self.batch_size}, got {self.accumulate}")
        if self.augment.mixup + self.augment.cutmix > 1:
            errors.append("augment.mixup + augment.cutmix must be at most 1")
        if self.loss.refine and self.loss.refine_from == "ema" and not self.ema:
            errors.append("loss.refine_from=ema needs averaged weights: ema above 0")
        for name in ("erase_scale", "erase_ratio"):
            low, high = getattr(self.augment, name)
            if low > high:
                errors.append(f"augment.{name}: {low:g} is more than {high:g}")
        if errors:
            raise ValueError("; ".join(errors))
