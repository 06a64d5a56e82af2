"""Multi-level attention, training only: S1, S2, S3 to one map F_MLA of S3's size (BTN, Eq. 1-2)."""

from __future__ import annotations

from torch import Tensor, nn

from fercli.config.model import MlaConfig
from fercli.models.cross_attention import CrossAttentionBlock


class MultiLevelAttention(nn.Module):
    """F_LA = X2(S2, conv12(S1)); F_MLA = X3(S3, conv23(F_LA)).

    Args: channels (c1, c2, c3) and sides (s, s/2, s/4) of the three levels.
    forward: [B, c1, s, s], [B, c2, s/2, s/2], [B, c3, s/4, s/4] -> [B, c3, s/4, s/4].
    """

    def __init__(
        self,
        config: MlaConfig,
        *,
        channels: tuple[int, int, int],
        heads: tuple[int, int, int],
        sides: tuple[int, int, int],
    ) -> None:
        super().__init__()
        low, middle, high = channels
        self.conv12 = _down(low, middle, config.down)
        self.conv23 = _down(middle, high, config.down)
        self.x2, self.x3 = (
            CrossAttentionBlock(
                channels[level],
                heads[level],
                side=sides[level],
                drop_path=config.drop_path[level - 1],
                layer_scale=config.layer_scale,
                ffn=config.ffn,
                residual=config.residual,
            )
            for level in (1, 2)
        )

    def forward(self, s1: Tensor, s2: Tensor, s3: Tensor) -> Tensor:
        low_attended = self.x2(s2, self.conv12(s1))  # Eq. 1, [B, c2, s/2, s/2]
        return self.x3(s3, self.conv23(low_attended))  # Eq. 2, [B, c3, s/4, s/4]


def _down(in_channels: int, channels: int, kind: str) -> nn.Module:
    if kind == "conv_s2":
        return nn.Conv2d(in_channels, channels, 3, 2, 1)
    return nn.Sequential(nn.Conv2d(in_channels, channels, 3, 1, 1), nn.AvgPool2d(2, ceil_mode=True))
