"""Write the YuNet face detector as an ONNX file, from the parameters that its authors published.

    python weights/detector/generate_yunet.py yunet_n.pth

YuNet (Wu, Peng and Yu 2023, "YuNet: A tiny millisecond-level face detector"), version n, 75,856 parameters. yunet_n.pth is
weights/yunet_n.pth of github.com/ShiqiYu/libfacedetection.train at commit 0047ac2 (Apache License 2.0, see LICENSE-yunet).

yunet.onnx: images float32 [B, 3, H, W], RGB in 0..255, H and W multiples of 32 -> scores [B, N], regression [B, 14, N], where
N counts the cells of the three output maps (strides 8, 16 and 32 px), row by row. scores are sqrt(class * objectness), 0..1.
regression is (dx, dy, log w, log h) of the box and (dx, dy) of five landmarks, in strides relative to the cell's corner.

The results are those of the published network; the graph differs. Batch norm is folded into the convolutions, the channel
order of the first convolution is reversed (it was trained on BGR), and the four heads of a map, each a 1x1 and a depthwise
3x3 convolution, are one pair of convolutions with 16 channels, which fill one block of ONNX Runtime's layout.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fercli.system.model_digest import add_onnx_digest

OPSET = 17
SHA256 = "9c7c9e14a4d60e57491d77e4d8b0d451bd834f300e05c0dea7fd1f6533817b06"  # of yunet_n.pth
HERE = Path(__file__).parent
STAGES = ((16, 16), (16, 64), (64, 64), (64, 64), (64, 64), (64, 64))  # channels of the backbone's stages
POOLED = (0, 2, 3, 4)  # stages that are followed by 2x2 max pooling
BATCH_NORM_EPS = 1e-5

State = dict[str, Tensor]


def folded(state: State, conv: str, norm: str | None) -> nn.Conv2d:
    """A convolution with its batch norm folded in."""
    weight, bias = state[f"{conv}.weight"], state[f"{conv}.bias"]
    if norm is not None:
        factor = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + BATCH_NORM_EPS)
        weight = weight * factor.view(-1, 1, 1, 1)
        bias = (bias - state[f"{norm}.running_mean"]) * factor + state[f"{norm}.bias"]
    return convolution(weight, bias)


def convolution(weight: Tensor, bias: Tensor, *, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size; depthwise if its weight has one input channel."""
    groups = len(weight) if weight.shape[1] == 1 else 1
    made = nn.Conv2d(
        weight.shape[1] * groups, len(weight), weight.shape[2], stride, weight.shape[2] // 2, groups=groups
    )
    made.weight, made.bias = nn.Parameter(weight), nn.Parameter(bias)
    return made


def unit(state: State, name: str) -> nn.Sequential:
    """A 1x1 and a depthwise 3x3 convolution, with ReLU."""
    return nn.Sequential(folded(state, f"{name}.conv1", None), folded(state, f"{name}.conv2", f"{name}.bn"), nn.ReLU())


def head(state: State, level: int) -> nn.Sequential:
    """The four heads of one map as one pair of convolutions: class, objectness, box, landmarks."""
    names = [f"bbox_head.multi_level_{kind}.{level}" for kind in ("cls", "obj", "bbox", "kps")]

    def joined(conv: str) -> nn.Conv2d:
        weight, bias = (torch.cat([state[f"{name}.{conv}.{part}"] for name in names]) for part in ("weight", "bias"))
        return convolution(weight, bias)

    return nn.Sequential(joined("conv1"), joined("conv2"))


class YuNet(nn.Module):
    """forward: images [B, 3, H, W] -> scores [B, N], regression [B, 14, N]."""

    def __init__(self, state: State) -> None:
        super().__init__()
        first = folded(state, "backbone.model0.conv1", "backbone.model0.bn1")
        stem = convolution(first.weight.detach().flip(1), first.bias.detach(), stride=2)  # RGB instead of BGR
        stages: list[nn.Module] = [nn.Sequential(stem, nn.ReLU(), unit(state, "backbone.model0.conv2"))]
        for number in range(1, len(STAGES)):
            name = f"backbone.model{number}"
            stages.append(nn.Sequential(unit(state, f"{name}.conv1"), unit(state, f"{name}.conv2")))
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(unit(state, f"neck.lateral_convs.{level}") for level in range(3))
        self.shared = nn.ModuleList(unit(state, f"bbox_head.multi_level_share_convs.{level}.0") for level in range(3))
        self.heads = nn.ModuleList(head(state, level) for level in range(3))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x, maps = images, []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            maps.append(x)
            if number in POOLED:
                x = F.max_pool2d(x, 2)
        merged = self.lateral[2](maps[5])
        levels = [merged]
        for level in (1, 0):  # top down, as in a feature pyramid network
            merged = self.lateral[level](maps[3 + level] + F.interpolate(merged, scale_factor=2.0, mode="nearest"))
            levels.insert(0, merged)
        rows = []
        for level, features in enumerate(levels):
            out = self.heads[level](self.shared[level](features))
            rows.append(out.flatten(2))  # [B, 16, h * w]
        joined = torch.cat(rows, dim=2)
        both = torch.sigmoid(joined[:, :2])
        return torch.sqrt(both[:, 0] * both[:, 1]), joined[:, 2:]


def main() -> None:
    path = Path(sys.argv[1])
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{path} is not the published file (sha256 {SHA256})")
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    network = YuNet(state).eval().requires_grad_(requires_grad=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's deprecation warnings
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, 64, 96),),
            HERE / "yunet.onnx",
            input_names=["images"],
            output_names=["scores", "regression"],
            dynamic_axes={
                "images": {0: "batch", 2: "height", 3: "width"},
                "scores": {0: "batch", 1: "cells"},
                "regression": {0: "batch", 2: "cells"},
            },
            opset_version=OPSET,
            dynamo=False,
        )
    add_onnx_digest(HERE / "yunet.onnx")


if __name__ == "__main__":
    main()
