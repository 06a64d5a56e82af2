"""A network's configuration in, its parameters, multiply-adds and shapes out, module by module; no memory, no weights.

Two ways to count multiply-adds (MACs) of one image stand side by side: `exact` takes every convolution and matrix product,
those inside attention included (torch's FlopCounter, halved); `thop` follows the rules of the tool behind published figures:
convolutions, linear layers, 4 per element of an affine norm, 1 per element of a PReLU, and softmax where it is a module,
as in POSTER++'s cross-attention; products inside attention are not seen, nor are parameters that stand outside of layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fercli.config.model import BtnConfig
from fercli.config.training import LossConfig
from fercli.models.btn import BTN, BatchOutput, count_parameters, training_network
from fercli.models.cross_attention import CrossAttention
from fercli.models.mobilefacenet import LandmarkNet

Shape = tuple[int, ...]

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)


@dataclass(frozen=True)
class ModuleCount:
    """One module with all that is in it. output: shapes of what it returns for one image, in order."""

    name: str
    kind: str
    output: tuple[Shape, ...]
    parameters: int
    macs: int
    thop_macs: int
    thop_parameters: int


@dataclass(frozen=True)
class NetworkCount:
    """A network as inference or training runs it.

    modules: in the order they run, every depth. dead: parameters of layers that never ran. frozen: those that never learn.
    discarded: the landmark head that the public baseline computes and throws away; it is no part of this network, only of
    the figures published for the baseline.
    """

    total: ModuleCount
    modules: tuple[ModuleCount, ...]
    dead: int
    frozen: int
    discarded: ModuleCount


def count_network(config: BtnConfig, num_classes: int, *, training: LossConfig | None) -> NetworkCount:
    """Count one image's way through a BTN: to P_VIT alone, or in training with these losses through all that they need."""
    with torch.device("meta"):
        model = (
            training_network(config, num_classes, training)
            if training
            else BTN(config, num_classes, training_parts=False)
        )
        model.eval()
        images = torch.zeros(1, 3, config.input.size, config.input.size)
        run = _Training(model) if training else model
        seen = _observe(run, images)
    prefix = f"{type(run).__name__}."
    inner = "model." if training else ""
    names = [name for name, module in model.named_modules() if name and f"{inner}{name}" in seen.outputs]
    names.sort(key=lambda name: seen.order[f"{inner}{name}"])
    modules = tuple(
        _count(name, model.get_submodule(name), seen, path=f"{inner}{name}", key=f"{prefix}{inner}{name}")
        for name in names
    )
    return NetworkCount(
        total=replace(_count("", model, seen, path=inner.rstrip("."), key="Global"), output=seen.outputs[""]),
        modules=modules,
        dead=sum(
            parameter.numel()
            for name, module in model.named_modules()
            if name and f"{inner}{name}" not in seen.outputs and not isinstance(module, nn.ModuleList)
            for parameter in module.parameters(recurse=False)
        ),
        frozen=sum(parameter.numel() for parameter in model.parameters() if not parameter.requires_grad),
        discarded=_landmark_head(config),
    )


class _Training(nn.Module):
    """Calls `forward_batch`, which hooks would not see."""

    def __init__(self, model: BTN) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> BatchOutput:
        return self.model.forward_batch(images)


@dataclass(frozen=True)
class _Seen:
    """What one pass showed, by module path: shapes, place in the order of first calls, thop's count, exact MACs."""

    outputs: dict[str, tuple[Shape, ...]]
    order: dict[str, int]
    thop: dict[str, int]
    flops: dict[str, int]


def _observe(network: nn.Module, images: Tensor) -> _Seen:
    seen = _Seen({}, {}, {}, {})
    hooks = []
    for name, module in network.named_modules():

        def before(_: nn.Module, __: Any, *, name: str = name) -> None:
            seen.order.setdefault(name, len(seen.order))

        def after(module: nn.Module, inputs: Any, output: Any, *, name: str = name) -> None:
            seen.outputs[name] = tuple(tuple(tensor.shape) for tensor in _tensors(output))
            seen.thop[name] = seen.thop.get(name, 0) + _thop_macs(module, inputs, output)

        hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images)
    for hook in hooks:
        hook.remove()
    seen.flops.update({str(name): sum(counts.values()) for name, counts in counter.get_flop_counts().items()})
    return seen


def _count(name: str, module: nn.Module, seen: _Seen, *, path: str, key: str) -> ModuleCount:
    inside = [place for place in seen.thop if not path or place == path or place.startswith(f"{path}.")]
    return ModuleCount(
        name=name,
        kind=type(module).__name__,
        output=seen.outputs.get(path, ()),
        parameters=count_parameters(module),
        macs=seen.flops.get(key, 0) // 2,
        thop_macs=sum(seen.thop[place] for place in inside),
        thop_parameters=sum(count_parameters(leaf) for leaf in module.modules() if not list(leaf.children())),
    )


def _thop_macs(module: nn.Module, inputs: Any, output: Any) -> int:
    """thop 0.1.1's rules for one call of one layer; what it does not know counts 0."""
    if isinstance(module, nn.Conv2d):
        return output.numel() * module.in_channels // module.groups * math.prod(module.kernel_size)
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    if isinstance(module, _NORMS):
        return 4 * inputs[0].numel()
    if isinstance(module, nn.PReLU):
        return inputs[0].numel()
    if isinstance(module, CrossAttention):
        positions = inputs[0].shape[1]  # softmax of [H, T, T]: T exponentials, T - 1 sums, T divisions a row
        return module.heads * positions * (3 * positions - 1)
    return 0


def _landmark_head(config: BtnConfig) -> ModuleCount:
    with torch.device("meta"):
        net = LandmarkNet(config.landmark.width, config.landmark.activation, size=config.backbone_size).eval()
        seen = _observe(net, torch.zeros(1, 3, config.backbone_size, config.backbone_size))
    head = ("pool", "points", "norm")
    parts = [_count(name, net.get_submodule(name), seen, path=name, key=f"LandmarkNet.{name}") for name in head]
    return ModuleCount(
        name="landmark head",
        kind="LandmarkNet",
        output=parts[-1].output,
        parameters=sum(part.parameters for part in parts),
        macs=sum(part.macs for part in parts),
        thop_macs=sum(part.thop_macs for part in parts),
        thop_parameters=sum(part.thop_parameters for part in parts),
    )


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
