"""IR50 image backbone: the first three stages of the improved residual network of face.evoLVe (ArcFace; Deng et al. 2019)."""

from __future__ import annotations

from torch import Tensor, nn

from fercli.config.model import ImageBackboneConfig
from fercli.errors import UsageError


class IRBlock(nn.Module):
    """Improved-residual bottleneck: BN, conv 3x3, PReLU, conv 3x3 with the stride, BN, plus a shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.shortcut: nn.Module
        if in_channels == channels:
            self.shortcut = nn.MaxPool2d(1, stride)
        else:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        self.residual = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.residual(x)


class IRBackbone(nn.Module):
    """Three stages of IR blocks; with stem 64, widths (64, 128, 256) and depths (3, 4, 14) it is IR50 without its last stage.

    forward: [B, 3, S, S] -> ([B, w1, S/2, S/2], [B, w2, S/4, S/4], [B, w3, S/8, S/8]); S is 112 in the paper.
    """

    tap_stride = 2  # from a stage's map to the level's map

    def __init__(self, config: ImageBackboneConfig) -> None:
        super().__init__()
        if config.entry or not config.tap_convs:
            raise UsageError(
                "image.entry and image.tap_convs=false are for image.kind=face_resnet",
                fix="--set image.entry=0 --set image.tap_convs=true",
            )
        stem, widths = config.stem, config.widths
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.PReLU(stem))
        before = (stem, *widths[:2])
        self.stages = nn.ModuleList(
            nn.Sequential(*(IRBlock(width if i else first, width, 1 if i else 2) for i in range(depth)))
            for first, width, depth in zip(before, widths, config.depths, strict=True)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.stem(x)  # [B, stem, S, S]
        low = self.stages[0](x)
        middle = self.stages[1](low)
        return low, middle, self.stages[2](middle)
