"""MobileFaceNet, the landmark branch: three feature maps of a face, or its 68 landmarks."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Activation = Literal["prelu", "relu"]


def _conv(
    in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1, *, activation: Activation
) -> nn.Sequential:
    """Convolution without bias, batch norm, activation."""
    layers = _linear(in_channels, channels, kernel, stride, groups)
    return nn.Sequential(*layers, nn.PReLU(channels) if activation == "prelu" else nn.ReLU())


def _linear(in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution without bias and batch norm, without activation."""
    padding = kernel // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel, stride, padding, groups=groups, bias=False), nn.BatchNorm2d(channels)
    )


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1 without activation; a shortcut where the stride is 1."""

    def __init__(
        self, in_channels: int, channels: int, hidden: int, stride: int, *, shortcut: bool, activation: Activation
    ) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.expand = _conv(in_channels, hidden, 1, activation=activation)
        self.depthwise = _conv(hidden, hidden, 3, stride, groups=hidden, activation=activation)
        self.project = _linear(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class Taps(NamedTuple):
    """Landmark feature maps: low [B, c1, S/4, S/4], middle [B, c2, S/8, S/8], high [B, c3, S/16, S/16]."""

    low: Tensor
    middle: Tensor
    high: Tensor


class MobileFaceNet(nn.Module):
    """The trunk of cunjian/pytorch_face_landmark's MobileFaceNet (Chen et al. 2018); `width` scales every channel count.

    channels: those of the three taps, (64, 128, 512) at width 1.
    """

    def __init__(self, width: float = 1.0, activation: Activation = "prelu") -> None:
        super().__init__()
        w64, w128, w256, w512 = (max(8, round(width * channels / 8) * 8) for channels in (64, 128, 256, 512))
        self.channels = (w64, w128, w512)
        self.conv1 = _conv(3, w64, 3, 2, activation=activation)
        self.conv2 = _conv(w64, w64, 3, groups=w64, activation=activation)

        def level(in_channels: int, channels: int, hidden: tuple[int, int], repeats: int) -> list[nn.Module]:
            first = InvertedResidual(in_channels, channels, hidden[0], 2, shortcut=False, activation=activation)
            rest = (
                InvertedResidual(channels, channels, hidden[1], 1, shortcut=True, activation=activation)
                for _ in range(repeats)
            )
            return [first, *rest]

        self.low = nn.Sequential(*level(w64, w64, (w128, w128), 4))
        self.middle = nn.Sequential(*level(w64, w128, (w256, w256), 6))
        self.high = nn.Sequential(*level(w128, w128, (w512, w256), 2), _conv(w128, w512, 1, activation=activation))

    def forward(self, x: Tensor) -> Taps:
        low = self.low(self.conv2(self.conv1(x)))
        middle = self.middle(low)
        return Taps(low, middle, self.high(middle))


class LandmarkNet(nn.Module):
    """MobileFaceNet with its head: [B, 3, S, S] in 0..1 to 68 points [B, 68, 2] as fractions of the side.

    Used to train the landmark branch; a BTN reads the feature maps only.
    """

    def __init__(self, width: float = 1.0, activation: Activation = "prelu", *, size: int = 112) -> None:
        super().__init__()
        self.trunk = MobileFaceNet(width, activation)
        channels, side = self.trunk.channels[2], size // 16
        self.pool = nn.Sequential(
            nn.Conv2d(channels, channels, side, groups=channels, bias=False), nn.BatchNorm2d(channels)
        )
        self.points = nn.Linear(channels, 136, bias=False)
        self.norm = nn.BatchNorm1d(136)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.flatten(self.pool(self.trunk(x).high), 1)  # [B, C]
        return self.norm(self.points(pooled)).unflatten(1, (68, 2))
