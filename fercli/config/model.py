"""Configuration of the network: one frozen dataclass per part, every field settable with `--set name=value`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from fercli.config.defaults import CROP_PX
from fercli.config.ranges import Within, range_errors, shown

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# dlib's face-recognition network subtracts these from RGB in 0..255 (then divides by 255 here).
FACE_RESNET_MEAN = (122.782 / 255, 117.001 / 255, 104.298 / 255)
_MAX_CONVENTIONS = 32
DEFAULT_HEAD_NAME = "default"  # of vit.head, in expert.heads


@dataclass(frozen=True)
class InputConfig:
    """Input of the network: an RGB crop `size` x `size`, scaled to 0..1, then (value - mean) / std per channel."""

    size: Annotated[int, Within(1, 2048)] = CROP_PX
    mean: Annotated[tuple[float, float, float], Within(-10, 10)] = IMAGENET_MEAN
    std: Annotated[tuple[float, float, float], Within(1e-6, 1000)] = IMAGENET_STD
    colour: Literal["rgb", "grey"] = "rgb"  # grey: ITU-R 601 luminance repeated in all three channels


@dataclass(frozen=True)
class ImageBackboneConfig:
    """Image branch: three stages, one level per stage. IR50 as in face.evoLVe (`ir`), or the face ResNet of dlib."""

    kind: str = "ir"  # a name of models.backbones.IMAGE_BACKBONES
    stem: Annotated[int, Within(1, 4096)] = 64
    entry: Annotated[int, Within(0, 100)] = (
        0  # face_resnet: blocks of the stem's width before the first level, whose map is then an eighth of the side
    )
    widths: Annotated[tuple[int, int, int], Within(1, 8192)] = (64, 128, 256)
    depths: Annotated[tuple[int, int, int], Within(1, 200)] = (3, 4, 14)
    tap_convs: bool = True  # a 3x3 convolution between each stage and its cross-attention, as in the baseline


@dataclass(frozen=True)
class LandmarkConfig:
    """MobileFaceNet with three taps, frozen. `width` scales every channel count.

    Its input has the side of the image branch's; half that side where the first level is an eighth of it.
    bn: `frozen` keeps the running statistics; `official_train` updates them in training, as the public baseline code does.
    input: pixels 0..1, RGB or BGR; `imagenet` is the normalised input of the image branch, as in the baseline.
    """

    width: Annotated[float, Within(0.01, 16)] = 1.0
    activation: Literal["prelu", "relu"] = "prelu"  # relu is fused into the convolution at inference
    bn: Literal["frozen", "official_train"] = "frozen"
    input: Literal["unit_rgb", "unit_bgr", "imagenet"] = "unit_rgb"


@dataclass(frozen=True)
class CrossConfig:
    """Cross-attention between landmark queries and image keys/values, one block per level (POSTER++, Eq. 1-4)."""

    heads: Annotated[tuple[int, int, int], Within(1, 1024)] = (2, 4, 8)
    drop_path: Annotated[tuple[float, float, float], Within(0, 1)] = (0.0, 0.125, 0.25)
    layer_scale: Annotated[float, Within(0, 1000)] = 1e-5
    mlp_ratio: Annotated[float, Within(0.01, 64)] = 4.0


@dataclass(frozen=True)
class VitConfig:
    """The classifier over the tokens of all levels; its logits are P_VIT.

    The last three fields are the changes of POSTER-Var to POSTER++'s tokens, one by one.
    """

    width: Annotated[int, Within(1, 16_384)] = 768
    depth: Annotated[int, Within(1, 200)] = 2
    heads: Annotated[int, Within(1, 1024)] = 8
    mlp_ratio: Annotated[float, Within(0.01, 64)] = 4.0
    init_std: Annotated[float, Within(0, 100)] = 0.01  # of every linear layer; the baseline's value
    embed_gelu: bool = False  # GELU after the convolutions that turn levels into tokens
    level_embedding: bool = False  # a learned vector for each level, added to its tokens
    token_norm: bool = False  # layer norm of all tokens before the first block


@dataclass(frozen=True)
class MlaConfig:
    """Multi-level attention (MLA), training only: F_MLA and F_LA (BTN, Eq. 1-2)."""

    down: Literal["conv_s2", "conv_s1_avgpool"] = "conv_s2"
    ffn: bool = True
    residual: Literal["kv", "query", "none"] = "kv"
    layer_scale: Annotated[float, Within(0, 1000)] = 1e-5
    drop_path: Annotated[tuple[float, float], Within(0, 1)] = (0.125, 0.25)


@dataclass(frozen=True)
class EmbedConfig:
    """Convolution of F_MLA to one map per class."""

    kernel: Literal[1, 3] = 1


@dataclass(frozen=True)
class CbaConfig:
    """Class batch attention (CBA), training only (BTN, Eq. 3-5)."""

    similarity: Literal["dot", "cosine"] = "dot"  # cosine: of embeddings minus their mean over the batch
    scale: Literal["sqrt_classes", "sqrt_dim", "none"] = "sqrt_classes"  # dot
    logit_scale: Annotated[float, Within(1, 100)] = 10.0  # cosine: start of the learned factor, which stays in 1..100
    value: Literal["logits", "probs"] = "logits"
    detach_value: bool = False
    pe: Literal["sinusoidal", "learned", "none"] = "sinusoidal"
    mask_self: bool = False  # A_ii = 0: an image attends to the other images only
    gather: bool = True  # with several processes: attend to the images of all; false: of its own, as DataParallel


@dataclass(frozen=True)
class BtConfig:
    """Input of the batch transformer: F_MLA, or S3 for the paper's "BT only" row."""

    source: Literal["mla", "s3"] = "mla"


@dataclass(frozen=True)
class BatchConfig:
    """How MLA and the batch transformer, which are used in training only, are attached to the network."""

    detach: bool = False  # S1, S2 and S3 get no gradient from MLA and the batch transformer


@dataclass(frozen=True)
class AblateConfig:
    """Variant for Table 5's "MLA only" row, which the paper leaves undefined; `none` is the normal model."""

    mla_only: Literal["none", "vit_replace", "vit_concat", "aux_head"] = "none"


@dataclass(frozen=True)
class ExpertConfig:
    """A frozen expression network whose log probabilities are added to the logits of some heads.

    heads: which ones: names of conventions, or `default`; empty: there is no expert. crop: the part of the input that it
    sees: left, top, right and bottom as fractions of the side.
    """

    heads: tuple[str, ...] = ()
    crop: Annotated[tuple[float, float, float, float], Within(0, 1)] = (0.04, 0.08, 0.96, 1.0)


@dataclass(frozen=True)
class BtnConfig:
    """One Batch Transformer Network. Sizes that follow from others (map sides, token count) are properties, not fields.

    conventions: label conventions with a linear head of their own beside the default one, see docs/conventions.md.
    """

    preset: str = "btn-base"
    input: InputConfig = field(default_factory=InputConfig)
    backbone_size: Annotated[int, Within(1, 2048)] = 112  # side of the input of both backbones
    resize_mode: Literal["nearest", "bilinear", "area"] = "nearest"  # from input.size to backbone_size
    image: ImageBackboneConfig = field(default_factory=ImageBackboneConfig)
    landmark: LandmarkConfig = field(default_factory=LandmarkConfig)
    cross: CrossConfig = field(default_factory=CrossConfig)
    vit: VitConfig = field(default_factory=VitConfig)
    mla: MlaConfig = field(default_factory=MlaConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    cba: CbaConfig = field(default_factory=CbaConfig)
    bt: BtConfig = field(default_factory=BtConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    ablate: AblateConfig = field(default_factory=AblateConfig)
    conventions: tuple[str, ...] = ()
    expert: ExpertConfig = field(default_factory=ExpertConfig)

    def __post_init__(self) -> None:
        errors = range_errors(self)
        if errors:  # what follows computes with these numbers
            raise ValueError("; ".join(errors))
        step = 4 * self.level_stride
        if self.backbone_size < 2 * step or self.backbone_size % step:
            errors.append(
                f"backbone_size must be a multiple of {step} and at least {2 * step}, got {self.backbone_size}"
            )
        for name, width, heads in (
            *(("cross.heads", w, h) for w, h in zip(self.image.widths, self.cross.heads, strict=True)),
            ("vit.heads", self.vit.width, self.vit.heads),
        ):
            if heads < 1 or width % heads:
                errors.append(f"{name}: {heads} heads do not divide {width} channels")
        rates = (*self.cross.drop_path, *self.mla.drop_path)
        if max(rates) == 1:
            errors.append(f"drop_path must be below 1, got {rates}")
        if len(set(self.conventions)) < len(self.conventions) or not all(map(str.isidentifier, self.conventions)):
            errors.append(f"conventions must be distinct names of letters and digits, got {shown(self.conventions)}")
        unknown = set(self.expert.heads) - {DEFAULT_HEAD_NAME, *self.conventions}
        if unknown:
            errors.append(f"expert.heads names {', '.join(sorted(unknown))}, which is not a head of the network")
        left, top, right, bottom = self.expert.crop
        if not (left < right and top < bottom):
            errors.append(f"expert.crop must have left < right and top < bottom, got {self.expert.crop}")
        if len(self.conventions) > _MAX_CONVENTIONS:
            errors.append(f"conventions: {len(self.conventions)}, more than {_MAX_CONVENTIONS}")
        if errors:
            raise ValueError("; ".join(errors))

    @property
    def level_stride(self) -> int:
        """Stride of the first level's map: 4 pixels of the backbones' input, with entry blocks 8."""
        return 8 if self.image.entry else 4

    @property
    def level_sides(self) -> tuple[int, int, int]:
        """Sides of the maps of the three levels: (28, 14, 7) for a backbone input of 112 px."""
        side = self.backbone_size // self.level_stride
        return side, side // 2, side // 4

    @property
    def landmark_size(self) -> int:
        """Side of the landmark branch's input: four times the first level's side."""
        return 4 * self.level_sides[0]

    @property
    def token_maps(self) -> int:
        """Maps that become tokens of the ViT: those of the three levels, with ablate.mla_only = vit_concat also F_MLA."""
        return 4 if self.ablate.mla_only == "vit_concat" else 3

    @property
    def batch_reads_mla(self) -> bool:
        """Whether the batch transformer reads F_MLA: not with bt.source = s3, nor in the ablation "MLA only"."""
        return self.bt.source == "mla" and self.ablate.mla_only == "none"
