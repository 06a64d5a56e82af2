"""Write the three networks of MTCNN as ONNX files, from the weights that facenet-pytorch carries.

    python weights/detector/generate.py

pnet.onnx: images [B, H, W, 3] -> boxes [B, 4, h, w], scores [B, h, w]. rnet.onnx, onet.onnx: crops [B, 24 or 48, same, 3]
-> boxes [B, 4], scores [B], and for onet points [B, 10]. Inputs are float32 pixels, (value - 127.5) / 128.

The answers are the same, the graph is not: an activation before a pooling, f(x) = x or slope * x, is taken after it.
That is exact for slopes of at least 0, where f rises. For a slope under 0, f(x) = max(x, slope * x), so that pooling x
and slope * x each, and taking the larger, is the same; slope * x is six more filters of the convolution. Nearly half
of the time of the first network is saved.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from torch import Tensor, nn

OPSET = 17
HERE = Path(__file__).parent


def conv(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    made = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:])  # type: ignore[arg-type]
    made.weight, made.bias = nn.Parameter(weight), nn.Parameter(bias)
    return made


class PooledActivation(nn.Module):
    """pool(prelu(conv(x))) with the pooling first; its channels leave in the order `order`."""

    def __init__(self, first: nn.Conv2d, prelu: nn.PReLU, pool: nn.MaxPool2d, inputs: Tensor | None) -> None:
        super().__init__()
        slope, weight, bias = prelu.weight, first.weight, first.bias
        assert bias is not None
        if inputs is not None:
            weight = weight[:, inputs]
        falling, rising = torch.nonzero(slope < 0).flatten(), torch.nonzero(slope >= 0).flatten()
        self.order = torch.cat([falling, rising])
        scaled = weight[falling] * slope[falling].view(-1, 1, 1, 1), bias[falling] * slope[falling]
        self.conv = conv(torch.cat([weight[self.order], scaled[0]]), torch.cat([bias[self.order], scaled[1]]))
        self.pool, self.prelu = pool, nn.PReLU(len(rising))
        self.prelu.weight = nn.Parameter(slope[rising])
        self.parts = [len(falling), len(rising), len(falling)]

    def forward(self, x: Tensor) -> Tensor:
        plain, rising, scaled = self.pool(self.conv(x)).split(self.parts, dim=1)
        return torch.cat([torch.maximum(plain, scaled), self.prelu(rising)], dim=1)


class SplitActivation(nn.Module):
    """prelu(x) as slope * x + (1 - slope) * relu(x): what ONNX Runtime keeps in its blocked layout."""

    def __init__(self, prelu: nn.PReLU) -> None:
        super().__init__()
        self.plain, self.positive = scaling(prelu.weight), scaling(1 - prelu.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.plain(x) + self.positive(torch.relu(x))


class SplitHead(nn.Module):
    """A 1x1 convolution of prelu(x), in the same form: head(slope * x) + head((1 - slope) * relu(x))."""

    def __init__(self, prelu: nn.PReLU, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        slope = prelu.weight.view(1, -1, 1, 1)
        self.plain, self.positive = conv(weight * slope, bias), conv(weight * (1 - slope), torch.zeros_like(bias))

    def forward(self, x: Tensor) -> Tensor:
        return self.plain(x) + self.positive(torch.relu(x))


def scaling(factors: Tensor) -> nn.Conv2d:
    made = nn.Conv2d(len(factors), len(factors), 1, groups=len(factors), bias=False)
    made.weight = nn.Parameter(factors.view(-1, 1, 1, 1))
    return made


class Cascade(nn.Module):
    """One of the three networks over images as they lie in memory."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, order, blocks = net, None, []
        for number in range(1, 5):
            if not hasattr(net, f"conv{number}"):
                break
            first, prelu, pool = (getattr(net, f"{kind}{number}", None) for kind in ("conv", "prelu", "pool"))
            if pool is not None:
                block: nn.Module = PooledActivation(first, prelu, pool, order)
                order = block.order
            else:
                kept = first if order is None else conv(first.weight[:, order], first.bias)
                activation: nn.Module = prelu
                if isinstance(net, PNet):
                    activation = SplitActivation(prelu) if number == 2 else nn.Identity()
                block, order = nn.Sequential(kept, activation), None
            blocks.append(block)
        self.blocks = nn.Sequential(*blocks)
        if isinstance(net, PNet):
            heads = net.conv4_2, net.conv4_1
            weight, bias = (torch.cat([getattr(head, name) for head in heads]) for name in ("weight", "bias"))
            self.head = SplitHead(net.prelu3, weight, bias)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        net = self.net
        x = self.blocks(images.permute(0, 3, 1, 2))
        if isinstance(net, PNet):
            x = self.head(x)
            return x[:, :4], face_score(x[:, 4:])
        x = x.permute(0, 3, 2, 1).flatten(1)  # as the weights were first made: columns before rows
        if isinstance(net, RNet):
            x = net.prelu4(net.dense4(x))
            return net.dense5_2(x), face_score(net.dense5_1(x))
        x = net.prelu5(net.dense5(x))
        return net.dense6_2(x), net.dense6_3(x), face_score(net.dense6_1(x))


def face_score(both: Tensor) -> Tensor:
    """The second softmax of two, written out: ONNX Runtime's Softmax over channels copies everything twice."""
    largest = both.amax(dim=1)
    no, yes = torch.exp(both[:, 0] - largest), torch.exp(both[:, 1] - largest)
    return yes / (no + yes)


def main() -> None:
    for name, net, side, outputs in (
        ("pnet", PNet(), None, ["boxes", "scores"]),
        ("rnet", RNet(), 24, ["boxes", "scores"]),
        ("onet", ONet(), 48, ["boxes", "points", "scores"]),
    ):
        cascade = Cascade(net).eval().requires_grad_(requires_grad=False)
        free = {0: "batch"} | ({1: "height", 2: "width"} if side is None else {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecation notes
            torch.onnx.export(
                cascade,
                (torch.zeros(2, side or 32, side or 40, 3),),
                HERE / f"{name}.onnx",
                input_names=["images"],
                output_names=outputs,
                dynamic_axes={"images": free} | {output: {0: "batch"} for output in outputs},
                opset_version=OPSET,
                dynamo=False,
            )


if __name__ == "__main__":
    main()
