"""Face ResNet (stages of dlib's face network): an image [B, 3, S, S] to three maps, each half as wide as the one before."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class FaceResNetBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut; when it shrinks, the shortcut is a 2x2 average with zeros for the new channels."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = channels - in_channels
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1 if stride == 1 else 0, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        # a shrinking convolution is centred on odd pixels, as dlib's: padded at the right and bottom only
        padded = x if self.stride == 1 else F.pad(x, (0, 1, 0, 1))
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(padded)))))
        if self.stride == 2:
            x = F.pad(F.avg_pool2d(x, 2, ceil_mode=True), (0, 0, 0, 0, 0, self.new_channels))
        return F.relu(x + residual)


class FaceResNet(nn.Module):
    """The stem (7x7 stride 2, max pool), `entry` blocks of its width and three stages, whose maps are the levels.

    dlib's 29-convolution network is stem 32, entry 3, widths 64/128/256, depths 4/3/3 and one more block, which is not used.
    Without entry blocks the first stage keeps the stem's side; with them every stage halves its input.
    dlib's shrinking convolutions have no padding; here they have one pixel at the right and bottom, so that maps halve
    exactly and both paths of a block stay in register (one pixel on every side shifts them and spoils dlib's weights).
    forward: [B, 3, S, S] -> ([B, w1, s, s], [B, w2, s/2, s/2], [B, w3, s/4, s/4]), s = S/4, with entry blocks S/8.
    """

    tap_stride = 1

    def __init__(self, stem: int, widths: tuple[int, int, int], depths: tuple[int, int, int], entry: int = 0) -> None:
        super().__init__()
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
            for first, width, depth, halve in zip(before, widths, depths, shrinks, strict=True)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.entry(self.stem(x))  # [B, stem, S/4, S/4]
        low = self.stages[0](x)
        middle = self.stages[1](low)
        return low, middle, self.stages[2](middle)
