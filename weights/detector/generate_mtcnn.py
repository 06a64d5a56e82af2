"""Write the three networks of MTCNN as ONNX files, from the weights that facenet-pytorch carries.

    python weights/detector/generate_mtcnn.py

pnet.onnx: images [B, H, W, 3] -> boxes [B, 4, h, w], scores [B, h, w]. rnet.onnx, onet.onnx: crops [B, 24 or 48, same, 3]
-> boxes [B, 4], scores [B], and for onet points [B, 10]. Inputs are float32 pixels, (value - 127.5) / 128.

The answers are the same, the graph is not. ONNX Runtime computes fastest in a layout of blocks of channels, which it leaves
for a PReLU and for channels that fill no block: activations are written in operators that it has in that layout, and the
second and third network's channels are filled up with zeros (a third of their time is saved). In the first network, the
activation before the pooling, f(x) = x or slope * x, is taken after it. That is exact for slopes of at least 0, where f
rises. For a slope under 0, f(x) = max(x, slope * x), so that pooling x and slope * x each, and taking the larger, is the
same; slope * x is six more filters of the convolution, and all sixteen fill a block (nearly half of its time is saved).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from torch import Tensor, nn

from fercli.system.model_digest import add_onnx_digest

OPSET = 17
BLOCK = 16  # channels, with AVX-512; AVX2's is 8
HERE = Path(__file__).parent


def conv(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    made = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:])  # type: ignore[arg-type]
    made.weight, made.bias = nn.Parameter(weight), nn.Parameter(bias)
    return made


class PooledActivation(nn.Module):
    """pool(prelu(conv(x))) with the pooling first; its channels leave in the order `order`."""

    def __init__(self, first: nn.Conv2d, prelu: nn.PReLU, pool: nn.MaxPool2d) -> None:
        super().__init__()
        slope, weight, bias = prelu.weight, first.weight, first.bias
        assert bias is not None
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

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.plain, self.positive = scaling(slope), scaling(1 - slope)

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


class FirstNetwork(nn.Module):
    """PNet over images as they lie in memory."""

    def __init__(self, net: PNet) -> None:
        super().__init__()
        self.pooled = PooledActivation(net.conv1, net.prelu1, net.pool1)
        self.conv2 = conv(net.conv2.weight[:, self.pooled.order], net.conv2.bias)
        self.activation2, self.conv3 = SplitActivation(net.prelu2.weight), net.conv3
        heads = net.conv4_2, net.conv4_1
        weight, bias = (torch.cat([getattr(head, name) for head in heads]) for name in ("weight", "bias"))
        self.head = SplitHead(net.prelu3, weight, bias)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = self.pooled(images.permute(0, 3, 1, 2))
        x = self.head(self.conv3(self.activation2(self.conv2(x))))
        return x[:, :4], face_score(x[:, 4:])


class CropNetwork(nn.Module):
    """RNet or ONet over crops as they lie in memory."""

    def __init__(self, net: RNet | ONet) -> None:
        super().__init__()
        self.net, layers, channels = net, list[nn.Module](), 3
        for number in range(1, 5):
            first, prelu, pool = (getattr(net, f"{kind}{number}", None) for kind in ("conv", "prelu", "pool"))
            if first is None:
                break
            filters = first.weight.shape[0] + -first.weight.shape[0] % BLOCK
            weight, bias = torch.zeros(filters, channels, *first.weight.shape[2:]), torch.zeros(filters)
            weight[: first.weight.shape[0], : first.weight.shape[1]] = first.weight
            bias[: first.weight.shape[0]] = first.bias
            slope = torch.zeros(filters)
            slope[: len(prelu.weight)] = prelu.weight
            layers += [conv(weight, bias), SplitActivation(slope), *([pool] if pool is not None else [])]
            channels = filters
        self.layers = nn.Sequential(*layers)

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        net = self.net
        # as the weights were first made: columns before rows
        x = self.layers(crops.permute(0, 3, 1, 2)).permute(0, 3, 2, 1).flatten(1)
        if isinstance(net, RNet):
            x = net.prelu4(net.dense4(x))
            return net.dense5_2(x), face_score(net.dense5_1(x))
        x = net.prelu5(net.dense5(x))
        return net.dense6_2(x), net.dense6_3(x), face_score(net.dense6_1(x))


def face_score(both: Tensor) -> Tensor:
    """The second softmax of two, written out: ONNX Runtime's Softmax over channels copies everything twice.

    Not as a sigmoid of the difference, which is quicker still: scores near 1 round otherwise, and another of two windows that
    overlap survives (once in 83 faces).
    """
    largest = both.amax(dim=1)
    no, yes = torch.exp(both[:, 0] - largest), torch.exp(both[:, 1] - largest)
    return yes / (no + yes)


def main() -> None:
    for name, net, side, outputs in (
        ("pnet", FirstNetwork(PNet()), None, ["boxes", "scores"]),
        ("rnet", CropNetwork(RNet()), 24, ["boxes", "scores"]),
        ("onet", CropNetwork(ONet()), 48, ["boxes", "points", "scores"]),
    ):
        cascade = net.eval().requires_grad_(requires_grad=False)
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
        add_onnx_digest(HERE / f"{name}.onnx")


if __name__ == "__main__":
    main()
