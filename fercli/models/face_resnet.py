"""Face ResNet image backbone: the stages of dlib's face recognition network."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from fercli.config.model import ImageBackboneConfig
from fercli.errors import UsageError


class FaceResNetBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; with stride 2 the shortcut is a 2x2 average, padded with zeros to the new width."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = channels - in_channels
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1 if stride == 1 else 0, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        # a convolution of stride 2 is centred on odd pixels, as in dlib: padded at the right and bottom only
        padded = x if self.stride == 1 else F.pad(x, (0, 1, 0, 1))
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(padded)))))
        if self.stride == 2:
            x = F.pad(F.avg_pool2d(x, 2, ceil_mode=True), (0, 0, 0, 0, 0, self.new_channels))
        return F.relu(x + residual)


class FaceResNet(nn.Module):
    """Stem (7x7 stride 2, max pool), `entry` blocks of the stem's width, and three stages whose outputs are the level maps.

    dlib's 29-convolution network is stem 32, entry 3, widths 64/128/256, depths 4/3/3 and one more block, unused here.
    Without entry blocks the first stage keeps the stem's side; with them every stage halves its input.
    dlib's convolutions of stride 2 have no padding; here they pad one pixel at the right and bottom, so that maps halve
    exactly and both paths of a block stay aligned (padding every side shifts them, and dlib's weights no longer fit).
    forward: [B, 3, S, S] -> ([B, w1, s, s], [B, w2, s/2, s/2], [B, w3, s/4, s/4]), s = S/4, with entry blocks S/8.
    """

    tap_stride = 1

    def __init__(self, config: ImageBackboneConfig) -> None:
        super().__init__()
        stem, widths, entry = config.stem, config.widths, config.entry
        if not entry and stem != widths[0]:
            raise UsageError(
                f"without entry blocks the first stage keeps the stem's {stem} channels, image.widths begins with {widths[0]}",
                fix=f"--set image.stem={widths[0]} or --set image.entry=3",
            )
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.entry = nn.Sequential(*(FaceResNetBlock(stem, stem, 1) for _ in range(entry)))
        before = (stem, *widths[:2])
        shrinks = (entry > 0, True, True)
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(FaceResNetBlock(width if i else first, width, 2 if i == 0 and halve else 1) for i in range(depth))
            )
            for first, width, depth, halve in zip(before, widths, config.depths, shrinks, strict=True)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.entry(self.stem(x))  # [B, stem, S/4, S/4]
        low = self.stages[0](x)
        middle = self.stages[1](low)
        return low, middle, self.stages[2](middle)
