"""The Batch Transformer Network: normalised images [B, 3, S, S] to logits P_VIT [B, N]; in training also P_CBA and P_BT.

The parts are the nouns of the paper's Fig. 2: image backbone, landmark backbone, cross-attention at three levels, ViT; and the
training-only `batch` part (MLA, embedding, CBA, BT), which inference never runs and shipped weights never hold.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fercli.config.model import BtnConfig, ImageBackboneConfig
from fercli.config.training import LossConfig
from fercli.models.batch_transformer import ClassBatchAttention, Gather, batch_transformer
from fercli.models.cross_attention import CrossAttentionBlock
from fercli.models.face_resnet import FaceResNet
from fercli.models.ir50 import IRBackbone
from fercli.models.mla import MultiLevelAttention
from fercli.models.mobilefacenet import MobileFaceNet, Taps
from fercli.models.vit import VisionTransformer

# Letters: B images, S side of the input, s side of the first level's map, C channels of a level, W width of the ViT, N classes.


class BatchOutput(NamedTuple):
    """What a training step sees: logits [B, N] of the classifier, of class batch attention and of the batch transformer.

    p_cba and p_bt are None without the training-only part; aux only with ablate.mla_only = aux_head; image, of the image branch
    alone, only with an image head.
    """

    p_vit: Tensor
    p_cba: Tensor | None
    p_bt: Tensor | None
    aux: Tensor | None
    image: Tensor | None = None


class Levels(NamedTuple):
    """S1, S2, S3: what cross-attention makes of each level, [B, C, s, s], [B, C, s/2, s/2], [B, C, s/4, s/4]."""

    low: Tensor
    middle: Tensor
    high: Tensor


class BatchPart(nn.Module):
    """MLA, embedding, channel positional encoding and CBA: the part that exists in training only (BTN, Fig. 3)."""

    def __init__(self, config: BtnConfig, *, sides: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.mla: MultiLevelAttention | None = None
        if config.bt.source == "mla" and config.ablate.mla_only == "none":
            self.mla = _mla(config, sides)
        channels, side = config.image.widths[2], sides[2]
        self.cba = ClassBatchAttention(
            config.cba, channels=channels, positions=side * side, num_classes=num_classes, kernel=config.embed.kernel
        )

    def features(self, levels: Levels) -> Tensor:
        """F_MLA, or S3 for the paper's "BT only" row: [B, C, s/4, s/4]."""
        return levels.high if self.mla is None else self.mla(*levels)

    def forward(
        self, levels: Levels, p_vit: Tensor, gather: Gather | None = None, start: int = 0
    ) -> tuple[Tensor, Tensor]:
        p_cba = self.cba(self.features(levels), p_vit, gather, start)
        return p_cba, batch_transformer(p_cba, p_vit, value=self.cba.config.value)


class BTN(nn.Module):
    """A BTN of any size; `training_parts=False` leaves out what only training uses.

    image_head: also a linear classifier on the mean of the image branch's last map, for training (deep supervision, Lee et al.
    2015): a pretrained branch learns from it at once, where P_VIT's gradient must first find its way through new layers.

    forward: normalised images [B, 3, S, S] with S = config.input.size -> P_VIT [B, N]; row b depends on image b alone.
    forward_batch: the same images -> BatchOutput, for training.
    """

    unit_scale: Tensor
    unit_shift: Tensor

    def __init__(
        self, config: BtnConfig, num_classes: int, *, training_parts: bool = True, image_head: bool = False
    ) -> None:
        super().__init__()
        self.config = config
        self.num_classes = num_classes
        self.image_backbone = image_backbone(config.image)
        self.landmark_backbone = MobileFaceNet(config.landmark.width, config.landmark.activation).requires_grad_(False)
        sides = config.level_sides
        widths = config.image.widths
        stride = self.image_backbone.tap_stride
        self.tap_convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, stride, 1) if config.image.tap_convs else nn.Identity() for width in widths
        )
        self.landmark_convs = nn.ModuleList(
            nn.Identity() if theirs == ours else nn.Conv2d(theirs, ours, 3, 1, 1)
            for theirs, ours in zip(self.landmark_backbone.channels, widths, strict=True)
        )
        self.cross = nn.ModuleList(
            CrossAttentionBlock(
                widths[level],
                config.cross.heads[level],
                side=sides[level],
                drop_path=config.cross.drop_path[level],
                layer_scale=config.cross.layer_scale,
                mlp_ratio=config.cross.mlp_ratio,
            )
            for level in range(3)
        )
        width = config.vit.width
        self.embed_low = nn.Sequential(nn.Conv2d(widths[0], width, 3, 2, 1), nn.Conv2d(width, width, 3, 2, 1))
        self.embed_middle = nn.Conv2d(widths[1], width, 3, 2, 1)
        self.embed_high = nn.Conv2d(widths[2], width, 1)
        mla_tokens = config.ablate.mla_only == "vit_concat"
        self.vit = VisionTransformer(
            config.vit, levels=4 if mla_tokens else 3, tokens_each=sides[2] ** 2, num_classes=num_classes
        )
        # Table 5's "MLA only" puts MLA into the inference path, or gives it a loss of its own; the normal model has neither.
        auxiliary = config.ablate.mla_only == "aux_head"
        with_mla = training_parts if auxiliary else config.ablate.mla_only != "none"
        self.mla = _mla(config, sides) if with_mla else None
        self.embed_mla = nn.Conv2d(widths[2], width, 1) if mla_tokens else None
        self.aux_head = nn.Linear(widths[2], num_classes) if auxiliary and training_parts else None
        self.batch = BatchPart(config, sides=sides, num_classes=num_classes) if training_parts else None
        self.image_head = nn.Linear(widths[2], num_classes) if image_head else None
        self.register_buffer("unit_scale", torch.tensor(config.input.std).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("unit_shift", torch.tensor(config.input.mean).view(1, 3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> BTN:
        """Switch to training, but leave the frozen landmark branch's batch norm on its running statistics."""
        super().train(mode)
        if self.config.landmark.bn == "frozen":
            self.landmark_backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        x = self._backbone_input(images)
        return self._classify(self._levels(self.image_backbone(x), self._landmark_taps(x)))[0]

    def forward_batch(
        self, images: Tensor, taps: Taps | None = None, gather: Gather | None = None, start: int = 0
    ) -> BatchOutput:
        """P_VIT with P_CBA and P_BT of the images as one batch; `taps` reuses `landmark_taps` of the same images.

        gather: rows of this process to those of all processes whose images are of the same batch, its own from `start` on.
        """
        x = self._backbone_input(images)
        maps = self.image_backbone(x)
        levels = self._levels(maps, taps if taps is not None else self._landmark_taps(x))
        p_vit, f_mla = self._classify(levels)
        p_cba, p_bt = self.batch(levels, p_vit, gather, start) if self.batch is not None else (None, None)
        aux = None
        if self.aux_head is not None and f_mla is not None:
            aux = self.aux_head(f_mla.mean(dim=(2, 3)))
        image = self.image_head(maps[2].mean(dim=(2, 3))) if self.image_head is not None else None
        return BatchOutput(p_vit, p_cba, p_bt, aux, image)

    def batch_embedding(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """P_VIT [B, N], and by what images find each other in a batch, [B, N, D] float32: row b depends on image b alone.

        Errors: ValueError for a model without the training-only part.
        """
        if self.batch is None:
            raise ValueError("this BTN has no batch part")
        x = self._backbone_input(images)
        levels = self._levels(self.image_backbone(x), self._landmark_taps(x))
        return self._classify(levels)[0], self.batch.cba.embedding(self.batch.features(levels)).float()

    def landmark_taps(self, images: Tensor) -> Taps:
        """Features of the frozen branch; with `landmark.bn = frozen` they depend on each image alone and may be reused."""
        return self._landmark_taps(self._backbone_input(images))

    def inference_state(self) -> dict[str, Tensor]:
        """The state dict without anything that only training uses."""
        training_only = ("batch.", "image_head.", *(("aux_head.", "mla.") if self.aux_head is not None else ()))
        return {name: value for name, value in self.state_dict().items() if not name.startswith(training_only)}

    def _backbone_input(self, images: Tensor) -> Tensor:
        size, ours = images.shape[-1], self.config.backbone_size
        if size == ours:
            return images
        if self.config.resize_mode == "nearest" and size == 2 * ours:
            return images[..., ::2, ::2]  # what F.interpolate's nearest takes
        if self.config.resize_mode == "bilinear":
            return F.interpolate(images, size=(ours, ours), mode="bilinear", antialias=True)
        return F.interpolate(images, size=(ours, ours), mode=self.config.resize_mode)

    @torch.no_grad()
    def _landmark_taps(self, x: Tensor) -> Taps:
        if self.config.landmark_size != self.config.backbone_size:
            x = F.avg_pool2d(x, self.config.backbone_size // self.config.landmark_size)
        if self.config.landmark.input != "imagenet":
            x = x * self.unit_scale + self.unit_shift
        if self.config.landmark.input == "unit_bgr":
            x = x.flip(1)
        return self.landmark_backbone(x)

    def _levels(self, maps: tuple[Tensor, Tensor, Tensor], taps: Taps) -> Levels:
        return Levels(
            *(
                self.cross[level](self.landmark_convs[level](taps[level]), self.tap_convs[level](maps[level]))
                for level in range(3)
            )
        )

    def _classify(self, levels: Levels) -> tuple[Tensor, Tensor | None]:
        """P_VIT, and F_MLA where the ablation puts it into the inference path."""
        f_mla = self.mla(*levels) if self.mla is not None else None
        high = levels.high
        if f_mla is not None and self.config.ablate.mla_only == "vit_replace":
            high = f_mla
        maps = [self.embed_low(levels.low), self.embed_middle(levels.middle), self.embed_high(high)]
        if self.embed_mla is not None and f_mla is not None:
            maps.append(self.embed_mla(f_mla))
        if self.config.vit.embed_gelu:
            maps = [F.gelu(each) for each in maps]
        tokens = torch.cat([tokens.flatten(2) for tokens in maps], dim=2).transpose(1, 2)  # [B, 3 (s/4)^2, W]
        return self.vit(tokens), f_mla


def training_network(config: BtnConfig, num_classes: int, loss: LossConfig) -> BTN:
    """A BTN with random weights and what these losses need: the batch part, an image head, or neither."""
    return BTN(
        config,
        num_classes,
        training_parts=loss.batch_part or config.ablate.mla_only == "aux_head",
        image_head=bool(loss.image),
    )


def image_backbone(config: ImageBackboneConfig) -> FaceResNet | IRBackbone:
    """The image branch of a BTN, with random weights."""
    if config.kind == "face_resnet":
        return FaceResNet(config.stem, config.widths, config.depths, config.entry)
    return IRBackbone(config.stem, config.widths, config.depths)


def count_parameters(model: nn.Module) -> int:
    """Number of parameters, frozen ones included."""
    return sum(math.prod(parameter.shape) for parameter in model.parameters())


def _mla(config: BtnConfig, sides: tuple[int, int, int]) -> MultiLevelAttention:
    return MultiLevelAttention(config.mla, channels=config.image.widths, heads=config.cross.heads, sides=sides)
