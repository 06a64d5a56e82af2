"""The only defaults: what each model and each training recipe is made of. Every field can be set with `--set name=value`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fercli.errors import UsageError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# dlib's face-recognition network subtracts these from RGB in 0..255 (then divides by 255 here).
FACE_RESNET_MEAN = (122.782 / 255, 117.001 / 255, 104.298 / 255)


@dataclass(frozen=True)
class InputConfig:
    """What the network is fed: an RGB crop `size` x `size`, scaled to 0..1, then (value - mean) / std per channel."""

    size: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    colour: Literal["rgb", "grey"] = "rgb"  # grey: ITU-R 601 luminance repeated in all three channels


@dataclass(frozen=True)
class ImageBackboneConfig:
    """IR50 (He et al. as in face.evoLVe; three stages) or the face ResNet of dlib; one level per stage."""

    kind: Literal["ir", "face_resnet"] = "ir"
    stem: int = 64
    entry: int = (
        0  # face_resnet: blocks of the stem's width before the first level, which then lies at an eighth of the side
    )
    widths: tuple[int, int, int] = (64, 128, 256)
    depths: tuple[int, int, int] = (3, 4, 14)
    tap_convs: bool = True  # a 3x3 convolution between each stage and its cross-attention, as the baseline has it


@dataclass(frozen=True)
class LandmarkConfig:
    """MobileFaceNet with three taps, frozen. `width` scales every channel count.

    It sees what the image branch sees; where that has its first level at an eighth of the side, at half the side.
    bn: `frozen` keeps the running statistics; `official_train` lets them drift as the public baseline code does.
    input: what it is fed; `imagenet` passes the image branch's normalised input on, as the baseline does.
    """

    width: float = 1.0
    activation: Literal["prelu", "relu"] = "prelu"  # relu folds into the convolution at inference
    bn: Literal["frozen", "official_train"] = "frozen"
    input: Literal["unit_rgb", "unit_bgr", "imagenet"] = "unit_rgb"


@dataclass(frozen=True)
class CrossConfig:
    """Cross-attention between landmark queries and image keys/values, one block per level (POSTER++, Eq. 1-4)."""

    heads: tuple[int, int, int] = (2, 4, 8)
    drop_path: tuple[float, float, float] = (0.0, 0.125, 0.25)
    layer_scale: float = 1e-5
    mlp_ratio: float = 4.0


@dataclass(frozen=True)
class VitConfig:
    """The classifier over the tokens of all levels; its logits are P_VIT.

    The last three are what POSTER-Var changes in POSTER++'s tokens, each by itself.
    """

    width: int = 768
    depth: int = 2
    heads: int = 8
    mlp_ratio: float = 4.0
    init_std: float = 0.01  # of every linear layer; the baseline's value
    embed_gelu: bool = False  # GELU after the convolutions that make tokens of the levels
    level_embedding: bool = False  # a learned vector for each level, added to its tokens
    token_norm: bool = False  # layer norm over all tokens before they are read


@dataclass(frozen=True)
class MlaConfig:
    """Multi-level attention, training only (BTN, Eq. 1-2)."""

    down: Literal["conv_s2", "conv_s1_avgpool"] = "conv_s2"
    ffn: bool = True
    residual: Literal["kv", "query", "none"] = "kv"
    layer_scale: float = 1e-5
    drop_path: tuple[float, float] = (0.125, 0.25)


@dataclass(frozen=True)
class EmbedConfig:
    """F_MLA to one map per class."""

    kernel: Literal[1, 3] = 1


@dataclass(frozen=True)
class CbaConfig:
    """Class batch attention, training only (BTN, Eq. 3-5)."""

    scale: Literal["sqrt_classes", "sqrt_dim", "none"] = "sqrt_classes"
    value: Literal["logits", "probs"] = "logits"
    detach_value: bool = False
    pe: Literal["sinusoidal", "learned", "none"] = "sinusoidal"
    mask_self: bool = False  # A_ii = 0: an image listens to the others alone
    gather: bool = (
        True  # with several processes: attend to the images of all of them; false: to its own, as DataParallel
    )


@dataclass(frozen=True)
class BtConfig:
    """Where the batch transformer's embedding comes from: F_MLA, or S3 for the paper's "BT only" row."""

    source: Literal["mla", "s3"] = "mla"


@dataclass(frozen=True)
class AblateConfig:
    """Table 5's "MLA only" row, which the paper leaves undefined; `none` is the normal model."""

    mla_only: Literal["none", "vit_replace", "vit_concat", "aux_head"] = "none"


@dataclass(frozen=True)
class BtnConfig:
    """One Batch Transformer Network. Sizes that follow from others (map sides, token count) are computed, never stated."""

    preset: str = "btn-base"
    input: InputConfig = field(default_factory=InputConfig)
    backbone_size: int = 112  # side that both backbones see
    resize_mode: Literal["nearest", "bilinear", "area"] = "nearest"  # from input.size to backbone_size
    image: ImageBackboneConfig = field(default_factory=ImageBackboneConfig)
    landmark: LandmarkConfig = field(default_factory=LandmarkConfig)
    cross: CrossConfig = field(default_factory=CrossConfig)
    vit: VitConfig = field(default_factory=VitConfig)
    mla: MlaConfig = field(default_factory=MlaConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    cba: CbaConfig = field(default_factory=CbaConfig)
    bt: BtConfig = field(default_factory=BtConfig)
    ablate: AblateConfig = field(default_factory=AblateConfig)

    def __post_init__(self) -> None:
        faults = []
        if self.image.kind != "face_resnet" and (self.image.entry or not self.image.tap_convs):
            faults.append("image.entry and image.tap_convs=false are for image.kind=face_resnet")
        step = 4 * self.level_stride
        if self.backbone_size < 2 * step or self.backbone_size % step:
            faults.append(
                f"backbone_size must be a multiple of {step} and at least {2 * step}, is {self.backbone_size}"
            )
        if self.input.size < 1 or not all(self.input.std):
            faults.append(
                f"input.size must be at least 1 and input.std not 0, are {self.input.size} and {self.input.std}"
            )
        if min(self.image.stem, *self.image.widths, *self.image.depths, self.vit.width, self.vit.depth) < 1:
            faults.append("image.stem, image.widths, image.depths, vit.width and vit.depth must be at least 1")
        for name, width, heads in (
            *(("cross.heads", w, h) for w, h in zip(self.image.widths, self.cross.heads, strict=True)),
            ("vit.heads", self.vit.width, self.vit.heads),
        ):
            if heads < 1 or width % heads:
                faults.append(f"{name}: {heads} heads do not divide {width} channels")
        rates = (*self.cross.drop_path, *self.mla.drop_path)
        if not all(0 <= rate < 1 for rate in rates):
            faults.append(f"drop_path must lie in 0..1, is {rates}")
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def level_stride(self) -> int:
        """Pixels of the backbones' input between neighbours on the first level's map: 4, with entry blocks 8."""
        return 8 if self.image.entry else 4

    @property
    def level_sides(self) -> tuple[int, int, int]:
        """Sides of the maps of the three levels: (28, 14, 7) for backbones that see 112 px."""
        side = self.backbone_size // self.level_stride
        return side, side // 2, side // 4

    @property
    def landmark_size(self) -> int:
        """Side that the landmark branch sees: its first map is a quarter of it, and the first level's side."""
        return 4 * self.level_sides[0]


MODELS: dict[str, BtnConfig] = {
    config.preset: config
    for config in (
        BtnConfig(),
        BtnConfig(
            # the shipped model: faces of 48 px and more, dlib's face ResNet as image branch
            preset="btn-compact",
            input=InputConfig(size=96, mean=FACE_RESNET_MEAN, std=(1.0, 1.0, 1.0), colour="grey"),
            backbone_size=96,
            image=ImageBackboneConfig(
                kind="face_resnet", stem=32, entry=3, widths=(64, 128, 256), depths=(4, 3, 3), tap_convs=False
            ),
            landmark=LandmarkConfig(width=0.5, activation="relu"),
            cross=CrossConfig(heads=(2, 4, 8), drop_path=(0.0, 0.05, 0.1), layer_scale=0.1, mlp_ratio=0.5),
            vit=VitConfig(width=128, depth=2, heads=4, mlp_ratio=2.0, init_std=0.05),
            mla=MlaConfig(layer_scale=0.1, drop_path=(0.05, 0.1)),
        ),
        BtnConfig(
            # the same topology for tests and quick looks: a training step takes milliseconds
            preset="btn-tiny",
            input=InputConfig(size=48, colour="grey"),
            backbone_size=48,
            image=ImageBackboneConfig(stem=16, widths=(16, 32, 64), depths=(1, 1, 2)),
            landmark=LandmarkConfig(width=0.25),
            cross=CrossConfig(heads=(1, 2, 4), drop_path=(0.0, 0.0, 0.0), layer_scale=0.1),
            vit=VitConfig(width=64, depth=1, heads=2),
            mla=MlaConfig(layer_scale=0.1, drop_path=(0.0, 0.0)),
        ),
    )
}


@dataclass(frozen=True)
class LossConfig:
    """L = vit L_VIT + bt L_BT + cba L_CBA (BTN, Eq. 9), each a cross-entropy; a weight of 0 leaves the term out."""

    vit: float = 2.0
    bt: float = 1.0
    cba: float = 1.0
    aux: float = 1.0  # of the head that ablate.mla_only = aux_head adds
    image: float = 0.0  # of a linear classifier on the image branch alone, which only training has (deep supervision)
    distill: float = 0.0  # times KL(P_BT, held fixed, to P_VIT): the classifier learns from what the batch makes of it
    label_smoothing: float = 0.0
    soft_targets: bool = False  # vote distributions instead of one label, where the data set has votes
    single_votes: bool = True  # with soft targets: keep classes that got one vote, which FERPlus' own rule drops
    first_label: float = 0.0  # with soft targets: share of the class the owner gave before votes were taken
    teacher: float = 0.5  # with --teacher: share of a target that the teachers' answer makes
    unlabelled: bool = True  # with soft_targets: also train on images whose votes have no winner
    class_weight: float = 0.0  # weights n_c ** -class_weight, normalised; 0 is off
    logit_adjustment: float = 0.0  # added to the logits: this times log(share of the class); 1 is balanced softmax

    @property
    def batch_part(self) -> bool:
        """Whether MLA, embedding and CBA are trained: some loss reads what the batch makes of an image."""
        return bool(self.bt or self.cba or self.distill)


@dataclass(frozen=True)
class SamConfig:
    """Sharpness-aware minimisation (Foret et al. 2021); rho 0 is the plain optimiser."""

    rho: float = 0.05
    adaptive: bool = False
    freeze_bn_second: bool = False  # official: batch-norm statistics are updated in both passes
    report: Literal["first", "both"] = (
        "first"  # passes that the told loss and accuracy are of; official: the mean of both
    )


@dataclass(frozen=True)
class AugmentConfig:
    """Training-time changes to a crop. Lengths are fractions of the side, angles degrees; 0 is off."""

    flip: float = 0.5
    rotate: float = 0.0
    translate: float = 0.0
    scale: float = 0.0  # zoom drawn from 1 - scale .. 1 + scale
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0  # turned by up to this share of the colour circle either way; does nothing to greys
    lowres: float = 0.0  # probability of shrinking to 25..75 % and back
    blur: float = 0.0  # probability of a Gaussian blur, sigma 0.5..1.5 px
    erase: float = 0.5  # probability of RandomErasing, after normalisation, with 0
    erase_scale: tuple[float, float] = (0.02, 0.1)
    erase_ratio: tuple[float, float] = (0.3, 3.3)  # height to width of what is erased


@dataclass(frozen=True)
class TrainConfig:
    """One recipe. The defaults are the paper's RAF-DB run (BTN 4.2), or its baseline's where the paper is silent.

    batch_size counts the images of one step over all processes and parts.
    """

    recipe: str = "rafdb"
    epochs: int = 200
    batch_size: int = 64
    accumulate: int = 1  # parts that a batch is cut into to save memory; CBA then sees a part at a time
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)  # adam, adamw
    eps: float = 1e-8  # adam, adamw
    momentum: float = 0.9  # sgd, with Nesterov's look ahead
    lr: float = 2e-5
    backbone_lr: float = 1.0  # factor on lr for the pretrained image branch
    weight_decay: float = 0.0
    schedule: Literal["exponential", "cosine", "constant"] = "exponential"
    gamma: float = 0.98  # exponential: factor per epoch
    warmup_epochs: float = 0.0
    sampler: Literal["shuffle", "balanced"] = "shuffle"
    balance: float = 1.0  # balanced: draws per class are proportional to n_c ** (1 - balance)
    drop_last: bool = False
    grad_clip: float = 0.0  # global norm; 0 is off
    ema: float = 0.0  # decay per step of the averaged weights that are evaluated; 0 is off
    amp: Literal["off", "bf16", "fp16"] = "off"
    channels_last: bool = True  # memory order of pictures and convolutions; false is the baseline's
    compile: bool = False  # torch.compile: minutes at the start, faster steps on GPUs
    deterministic: bool = False  # refuse GPU kernels whose sums depend on timing; CPUs are deterministic anyway
    sync_bn: bool = False  # with several processes: batch norm over the images of all of them
    seed: int = 0
    validation: float = 0.0  # stratified share of train held out when the data set has no validation split
    select: Literal["val", "last", "test_best"] = "last"  # whose weights are the run's result; all are reported
    test_best: bool = True  # score the test split after every epoch too, for the community's best-on-test number
    patience: int = 0  # stop after so many epochs without a better validation accuracy; 0 is off
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
            "loss.distill": (self.loss.distill, 0, None),
            "loss.label_smoothing": (self.loss.label_smoothing, 0, 1),
            "loss.first_label": (self.loss.first_label, 0, 1),
            "loss.teacher": (self.loss.teacher, 0, 1),
            "sam.rho": (self.sam.rho, 0, None),
            "augment.flip": (self.augment.flip, 0, 1),
            "augment.hue": (self.augment.hue, 0, 0.5),
            "augment.scale": (self.augment.scale, 0, 0.9),
            "augment.erase": (self.augment.erase, 0, 1),
            "augment.erase_ratio": (min(self.augment.erase_ratio), 0.01, None),
        }
        faults = [
            f"{name} must be at least {low}" + (f" and at most {high}" if high is not None else "") + f", is {value}"
            for name, (value, low, high) in limits.items()
            if value < low or (high is not None and value > high)
        ]
        if faults:
            raise ValueError("; ".join(faults))


_COMPACT_AUGMENT = AugmentConfig(
    rotate=10,
    translate=0.06,
    scale=0.1,
    brightness=0.15,
    contrast=0.2,
    lowres=0.05,
    blur=0.05,
    erase=0.25,
    erase_scale=(0.02, 0.12),
)

RECIPES: dict[str, TrainConfig] = {
    recipe.recipe: recipe
    for recipe in (
        TrainConfig(),
        TrainConfig(
            recipe="affectnet7", batch_size=144, lr=0.8e-6, sampler="balanced", augment=AugmentConfig(erase=1.0)
        ),
        TrainConfig(recipe="affectnet8", batch_size=144, lr=1e-6, sampler="balanced", augment=AugmentConfig(erase=1.0)),
        TrainConfig(
            recipe="compact",
            epochs=20,
            batch_size=64,
            optimizer="adamw",
            lr=1e-3,
            backbone_lr=0.15,  # more forgets the face pretraining faster than it learns expressions
            weight_decay=0.05,
            schedule="cosine",
            warmup_epochs=0.5,
            drop_last=True,
            grad_clip=5.0,
            ema=0.999,
            validation=0.1,
            select="val",
            test_best=False,
            loss=LossConfig(soft_targets=True, image=1.0),
            sam=SamConfig(rho=0.0),
            augment=_COMPACT_AUGMENT,
        ),
    )
}


def usual_recipe(model: str) -> TrainConfig:
    """The recipe that a model preset is trained by unless another is named: the paper's for the paper's network."""
    return RECIPES["rafdb" if model == "btn-base" else "compact"]


def model_preset(name: str) -> BtnConfig:
    """Look a model up by name; UsageError lists the known ones."""
    if name not in MODELS:
        raise UsageError(f"unknown model preset {name!r}", fix=f"known: {', '.join(MODELS)}")
    return MODELS[name]


def recipe(name: str) -> TrainConfig:
    """Look a training recipe up by name; UsageError lists the known ones."""
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}", fix=f"known: {', '.join(RECIPES)}")
    return RECIPES[name]
