"""The expression network of face-api.js (MIT): dense blocks of separable convolutions, seven classes, 112 px.

Its weights are those of npm @vladmandic/face-api, faceExpressionNet; its training data are not published.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
SIZE = 112
_WIDTHS = (32, 64, 128, 256)
_LAYERS = 4  # convolutions of a dense block

# Letters: B images, C channels, S side of a map, N = 7 classes.


class ExpressionNetwork(nn.Module):
    """Four dense blocks of four convolutions, each the sum of all before it, then the mean of the map and a linear layer.

    Convolutions are separable (depthwise, then pointwise), the first one of all is not. Padding is TensorFlow's `same`.
    forward: RGB [B, 3, 112, 112], 0..255 -> logits [B, 7], in the order of CLASSES.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, _WIDTHS[0], 3, 2)
        self.depthwise, self.pointwise = nn.ModuleList(), nn.ModuleList()
        before = _WIDTHS[0]
        for block, width in enumerate(_WIDTHS):
            for layer in range(block == 0, _LAYERS):  # the first layer of the first block is `first`
                self.depthwise.append(nn.Conv2d(before, before, 3, 1 if layer else 2, groups=before, bias=False))
                self.pointwise.append(nn.Conv2d(before, width, 1))
                before = width
        self.head = nn.Linear(_WIDTHS[-1], len(CLASSES))
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1))
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))

    def forward(self, rgb: Tensor) -> Tensor:
        x = (rgb - self.mean) / self.scale
        index = 0
        for block in range(len(_WIDTHS)):
            if block == 0:
                last = F.relu(self.first(F.pad(x, (0, 1, 0, 1))))
            else:
                last, index = F.relu(self._separable(x, index)), index + 1
            total = last
            for _ in range(_LAYERS - 1):
                total, index = total + self._separable(F.relu(total), index), index + 1
            x = F.relu(total)  # [B, C, S, S]
        return self.head(x.mean(dim=(2, 3)))

    def _separable(self, x: Tensor, index: int) -> Tensor:
        depthwise = self.depthwise[index]
        padding = (0, 1, 0, 1) if depthwise.stride == (2, 2) else (1, 1, 1, 1)
        return self.pointwise[index](depthwise(F.pad(x, padding)))
