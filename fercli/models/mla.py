"""Multi-level attention (MLA), training only: the levels S1, S2, S3 to one map F_MLA of S3's size (BTN, Eq. 1-2)."""

from __future__ import annotations

from torch import Tensor, nn

from fercli.config.model import BtnConfig
from fercli.models.cross_attention import CrossAttentionBlock

# Letters: B images, c1..c3 channels and s, s/2, s/4 sides of the three levels; X2, X3 cross-attention at levels 2 and 3.


class MultiLevelAttention(nn.Module):
    """F_MLA = X3(S3, conv(F_LA)) with F_LA = X2(S2, conv(S1)) (BTN, Eq. 1-2); the convolutions halve a map.

    forward: [B, c1, s, s], [B, c2, s/2, s/2], [B, c3, s/4, s/4] -> [B, c3, s/4, s/4].
    """

    def __init__(self, config: BtnConfig) -> None:
        super().__init__()
        low, middle, high = config.image.widths
        self.conv12 = _halving_conv(low, middle, config.mla.down)
        self.conv23 = _halving_conv(middle, high, config.mla.down)
        self.x2, self.x3 = (
            CrossAttentionBlock(
                config.image.widths[level],
                config.cross.heads[level],
                side=config.level_sides[level],
                drop_path=config.mla.drop_path[level - 1],
                layer_scale=config.mla.layer_scale,
                ffn=config.mla.ffn,
                residual=config.mla.residual,
            )
            for level in (1, 2)
        )

    def forward(self, s1: Tensor, s2: Tensor, s3: Tensor) -> Tensor:
        f_la = self.x2(s2, self.conv12(s1))  # F_LA (BTN, Eq. 2), [B, c2, s/2, s/2]
        return self.x3(s3, self.conv23(f_la))  # F_MLA (BTN, Eq. 1), [B, c3, s/4, s/4]


def _halving_conv(in_channels: int, channels: int, kind: str) -> nn.Module:
    if kind == "conv_s2":
        return nn.Conv2d(in_channels, channels, 3, 2, 1)
    return nn.Sequential(nn.Conv2d(in_channels, channels, 3, 1, 1), nn.AvgPool2d(2, ceil_mode=True))
