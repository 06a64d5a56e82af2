"""Variants of the network for the row "MLA only" of the paper's Table 5, which the paper does not define.

Each puts F_MLA to use without the batch transformer. The normal network has none of them.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from fercli.config.model import BtnConfig
from fercli.models.cross_attention import Levels
from fercli.models.mla import MultiLevelAttention


class MlaOnlyOutput(NamedTuple):
    """levels: what the ViT reads; extra: one more map of tokens [B, W, t, t]; aux: logits [B, N] of a head of its own."""

    levels: Levels
    extra: Tensor | None = None
    aux: Tensor | None = None


class MlaReplacesS3(nn.Module):
    """The ViT reads F_MLA instead of S3 (`vit_replace`)."""

    training_only = False

    def __init__(self, config: BtnConfig) -> None:
        super().__init__()
        self.mla = MultiLevelAttention(config)

    def forward(self, levels: Levels) -> MlaOnlyOutput:
        return MlaOnlyOutput(levels._replace(high=self.mla(*levels)))


class MlaAddsTokens(nn.Module):
    """The ViT reads tokens of F_MLA beside those of the three levels (`vit_concat`)."""

    training_only = False

    def __init__(self, config: BtnConfig) -> None:
        super().__init__()
        self.mla = MultiLevelAttention(config)
        self.embed = nn.Conv2d(config.image.widths[2], config.vit.width, 1)

    def forward(self, levels: Levels) -> MlaOnlyOutput:
        return MlaOnlyOutput(levels, extra=self.embed(self.mla(*levels)))


class MlaHead(nn.Module):
    """F_MLA has a linear classifier and a loss of its own, in training only (`aux_head`)."""

    training_only = True

    def __init__(self, config: BtnConfig, num_classes: int) -> None:
        super().__init__()
        self.mla = MultiLevelAttention(config)
        self.head = nn.Linear(config.image.widths[2], num_classes)

    def forward(self, levels: Levels) -> MlaOnlyOutput:
        return MlaOnlyOutput(levels, aux=self.head(self.mla(*levels).mean(dim=(2, 3))))


MlaOnlyVariant = MlaReplacesS3 | MlaAddsTokens | MlaHead


def mla_only(config: BtnConfig, num_classes: int, *, training_parts: bool) -> MlaOnlyVariant | None:
    """Build the variant that `ablate.mla_only` names; None for the normal network."""
    match config.ablate.mla_only:
        case "vit_replace":
            return MlaReplacesS3(config)
        case "vit_concat":
            return MlaAddsTokens(config)
        case "aux_head" if training_parts:
            return MlaHead(config, num_classes)
    return None
