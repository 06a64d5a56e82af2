"""The Batch Transformer Network (BTN), composed from the parts of the paper's Fig. 2.

Inference: image and landmark backbone, cross-attention at three levels, ViT. Training adds MLA and the batch transformer,
which weights files do not hold.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fercli.config.model import BtnConfig
from fercli.config.training import LossConfig
from fercli.models.backbones import image_backbone
from fercli.models.batch_transformer import BatchMix, BatchTransformer, Gather
from fercli.models.cross_attention import CrossAttentionBlock, Levels
from fercli.models.expert import Expert
from fercli.models.mla_only import mla_only
from fercli.models.mobilefacenet import MobileFaceNet, Taps
from fercli.models.vit import VisionTransformer

# Letters: B images, S side of the input, s side of the first level's map, C channels of a level, W width of the ViT, N classes.


class BatchOutput(NamedTuple):
    """Logits [B, N] of a training step: of the ViT, of class batch attention and of the batch transformer.

    p_cba, p_bt: None without the batch transformer. aux: only with ablate.mla_only = aux_head. image: of the image branch
    alone, only with an image head. mix: how class batch attention mixed the batch; None without the batch transformer.
    """

    p_vit: Tensor
    p_cba: Tensor | None
    p_bt: Tensor | None
    aux: Tensor | None
    image: Tensor | None = None
    mix: BatchMix | None = None

    @property
    def scores(self) -> Tensor | None:
        """Scores of class batch attention before the softmax, [N, B, A], A images in all processes."""
        return None if self.mix is None else self.mix.scores


class BTN(nn.Module):
    """A BTN of any size; `training_parts=False` builds only what inference uses.

    image_head: adds a linear classifier on the mean of the image branch's last map, for training (deep supervision, Lee et
    al. 2015): it gives a pretrained branch a useful gradient while the layers before P_VIT are still random.

    forward: normalised images [B, 3, S, S] with S = config.input.size -> P_VIT [B, N]; row b depends on image b alone.
    convention: a name in config.conventions, whose head is used instead of the default one.
    forward_conventions: the same images -> P_VIT of the default head and of every other one.
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
        low, middle, high = config.image.widths
        self.image_backbone = image_backbone(config.image)
        self.landmark_backbone = MobileFaceNet(config.landmark.width, config.landmark.activation).requires_grad_(False)
        self.tap_convs = _tap_convs(config, cast(int, self.image_backbone.tap_stride))
        self.landmark_convs = _landmark_convs(config, self.landmark_backbone.channels)
        self.cross = _cross_attention(config)
        width = config.vit.width
        self.embed_low = nn.Sequential(nn.Conv2d(low, width, 3, 2, 1), nn.Conv2d(width, width, 3, 2, 1))
        self.embed_middle = nn.Conv2d(middle, width, 3, 2, 1)
        self.embed_high = nn.Conv2d(high, width, 1)
        self.vit = VisionTransformer(
            config.vit,
            levels=config.token_maps,
            tokens_each=config.level_sides[2] ** 2,
            num_classes=num_classes,
            conventions=config.conventions,
        )
        self.expert = (
            Expert(config.expert, size=config.input.size, num_classes=num_classes) if config.expert.heads else None
        )
        self.ablation = mla_only(config, num_classes, training_parts=training_parts)
        self.batch = BatchTransformer(config, num_classes) if training_parts else None
        self.image_head = nn.Linear(high, num_classes) if image_head else None
        self.register_buffer("unit_scale", torch.tensor(config.input.std).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("unit_shift", torch.tensor(config.input.mean).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor, convention: str | None = None) -> Tensor:
        tokens, _ = self._tokens(self.levels(images))
        logits: Tensor = self.vit(tokens, convention)
        if self.expert is not None and self.expert.is_used_by(convention):
            logits = logits + self.expert(self._unit_rgb(images), convention)
        return logits

    def forward_conventions(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return P_VIT [B, N] of the default head, then of the heads in the order of config.conventions."""
        gated = self.vit.gated(self._tokens(self.levels(images))[0])
        heads: dict[str | None, nn.Module] = {None: self.vit.head, **dict(self.vit.convention_heads.items())}
        logits = {name: heads[name](gated) for name in (None, *self.config.conventions)}
        if self.expert is not None:
            log_probabilities = self.expert.log_probabilities(self._unit_rgb(images))
            for name in filter(self.expert.is_used_by, logits):
                logits[name] = logits[name] + self.expert.added(log_probabilities, name)
        return tuple(logits.values())

    def forward_batch(
        self, images: Tensor, taps: Taps | None = None, gather: Gather | None = None, start: int = 0
    ) -> BatchOutput:
        """Return P_VIT, and P_CBA and P_BT of the images as one batch; `taps` reuses `landmark_taps` of the same images.

        gather: collects rows of all processes that share the batch; the rows of this process begin at `start`.
        """
        x = self.backbone_input(images)
        maps = self.image_backbone(x)
        levels = self._cross_attend(maps, taps if taps is not None else self.landmark_taps(x))
        output = self.classify_batch(levels, gather, start)
        if self.image_head is None:
            return output
        return output._replace(image=self.image_head(maps[2].mean(dim=(2, 3))))

    def classify_batch(self, levels: Levels, gather: Gather | None = None, start: int = 0) -> BatchOutput:
        """Return what `forward_batch` does, but for the image head, of images whose S1, S2 and S3 are known."""
        p_vit, aux = self._classify(levels)
        if self.batch is None:
            return BatchOutput(p_vit, None, None, aux)
        mix = self.batch(levels, p_vit, gather, start)
        return BatchOutput(p_vit, mix.p_cba, mix.p_bt, aux, mix=mix)

    def batch_embedding(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return P_VIT [B, N] and the queries of class batch attention, [B, N, D] float32; row b depends on image b alone.

        Raises: ValueError for a model without the batch transformer.
        """
        if self.batch is None:
            raise ValueError("this BTN has no batch transformer")
        levels = self.levels(images)
        return self._classify(levels)[0], self.batch.embedding(levels).float()

    def levels(self, images: Tensor) -> Levels:
        """Return S1, S2, S3 of normalised images: image maps attended to by the landmark maps of the same level."""
        x = self.backbone_input(images)
        return self._cross_attend(self.image_backbone(x), self.landmark_taps(x))

    @torch.no_grad()
    def landmark_taps(self, images: Tensor) -> Taps:
        """Return the maps of the frozen branch; with `landmark.bn = frozen` they depend on each image alone: cacheable."""
        x = self.backbone_input(images)
        if self.config.landmark_size != self.config.backbone_size:
            x = F.avg_pool2d(x, self.config.backbone_size // self.config.landmark_size)
        if self.config.landmark.input != "imagenet":
            x = self._unit_rgb(x)
        if self.config.landmark.input == "unit_bgr":
            x = x.flip(1)
        return self.landmark_backbone(x)

    def backbone_input(self, images: Tensor) -> Tensor:
        """Resize images [B, 3, S, S] to the side that both backbones take; images of that side are returned as they are."""
        size, target = images.shape[-1], self.config.backbone_size
        if size == target:
            return images
        if self.config.resize_mode == "nearest" and size == 2 * target:
            return images[..., ::2, ::2]  # what F.interpolate's nearest takes
        if self.config.resize_mode == "bilinear":
            return F.interpolate(images, size=(target, target), mode="bilinear", antialias=True)
        return F.interpolate(images, size=(target, target), mode=self.config.resize_mode)

    def _unit_rgb(self, images: Tensor) -> Tensor:
        """Normalised images as RGB in 0..1."""
        return images * self.unit_scale + self.unit_shift

    def train(self, mode: bool = True) -> BTN:
        """Switch to training mode; the frozen landmark branch's batch norm keeps its running statistics."""
        super().train(mode)
        if self.config.landmark.bn == "frozen":
            self.landmark_backbone.eval()
        return self

    def inference_state(self) -> dict[str, Tensor]:
        """Return the state dict without what only training uses."""
        training_only = ["batch.", "image_head."]
        if self.ablation is not None and self.ablation.training_only:
            training_only.append("ablation.")
        return {name: value for name, value in self.state_dict().items() if not name.startswith(tuple(training_only))}

    def _cross_attend(self, maps: tuple[Tensor, Tensor, Tensor], taps: Taps) -> Levels:
        """Image maps and landmark maps of the three levels to S1, S2, S3."""
        return Levels(
            *(
                self.cross[level](self.landmark_convs[level](taps[level]), self.tap_convs[level](maps[level]))
                for level in range(3)
            )
        )

    def _classify(self, levels: Levels) -> tuple[Tensor, Tensor | None]:
        """S1, S2, S3 to P_VIT [B, N]; and the auxiliary logits of an ablation that has them."""
        tokens, aux = self._tokens(levels)
        return self.vit(tokens), aux

    def _tokens(self, levels: Levels) -> tuple[Tensor, Tensor | None]:
        """S1, S2, S3 to the tokens of the ViT [B, 3 (s/4)^2, W]; and the auxiliary logits of an ablation that has them."""
        extra = aux = None
        if self.ablation is not None:
            levels, extra, aux = self.ablation(levels)
        maps = [self.embed_low(levels.low), self.embed_middle(levels.middle), self.embed_high(levels.high)]
        if extra is not None:
            maps.append(extra)
        if self.config.vit.embed_gelu:
            maps = [F.gelu(feature) for feature in maps]
        return torch.cat([feature.flatten(2) for feature in maps], dim=2).transpose(1, 2), aux


def training_network(config: BtnConfig, num_classes: int, loss: LossConfig) -> BTN:
    """Build a BTN with random weights and the training parts that these losses need."""
    return BTN(
        config,
        num_classes,
        training_parts=loss.uses_batch_transformer or config.ablate.mla_only == "aux_head",
        image_head=bool(loss.image),
    )


def count_parameters(model: nn.Module) -> int:
    """Return the number of parameters, frozen ones included."""
    return sum(math.prod(parameter.shape) for parameter in model.parameters())


def _tap_convs(config: BtnConfig, stride: int) -> nn.ModuleList:
    """Convolutions from the maps of the image backbone to those of the levels."""
    return nn.ModuleList(
        nn.Conv2d(width, width, 3, stride, 1) if config.image.tap_convs else nn.Identity()
        for width in config.image.widths
    )


def _landmark_convs(config: BtnConfig, channels: tuple[int, int, int]) -> nn.ModuleList:
    """Convolutions from the landmark maps to queries, where the number of channels differs."""
    return nn.ModuleList(
        nn.Identity() if before == width else nn.Conv2d(before, width, 3, 1, 1)
        for before, width in zip(channels, config.image.widths, strict=True)
    )


def _cross_attention(config: BtnConfig) -> nn.ModuleList:
    """Cross-attention of the three levels: landmark queries, image keys and values."""
    return nn.ModuleList(
        CrossAttentionBlock(
            config.image.widths[level],
            config.cross.heads[level],
            side=config.level_sides[level],
            drop_path=config.cross.drop_path[level],
            layer_scale=config.cross.layer_scale,
            mlp_ratio=config.cross.mlp_ratio,
        )
        for level in range(3)
    )
