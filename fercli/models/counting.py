"""Parameters, multiply-adds and output shapes of a network, module by module, on meta tensors without memory or weights.

Multiply-adds (MACs) of one image are counted in two ways. `macs` counts every convolution and matrix product, including
those inside attention (torch's FlopCounter, halved). `thop_macs` follows the rules of thop, the tool behind published
numbers: convolutions, linear layers, 4 per element of an affine norm, 1 per element of a PReLU, and softmax where it is a
module, as in POSTER++'s cross-attention; thop misses products inside attention and parameters that are not in a layer.
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
    """One module with its submodules. output: shapes of its outputs for one image, in order."""

    name: str
    kind: str
    output: tuple[Shape, ...]
    parameters: int
    macs: int
    thop_macs: int
    thop_parameters: int


@dataclass(frozen=True)
class NetworkCount:
    """Counts of a network in inference or training.

    modules: in the order of their first call, of every depth. dead: parameters of layers that are never called. frozen:
    parameters that are not trained. discarded: the landmark head that the public baseline computes and discards; it is not
    part of this network, only of the numbers published for the baseline.
    """

    total: ModuleCount
    modules: tuple[ModuleCount, ...]
    dead: int
    frozen: int
    discarded: ModuleCount


def count_network(config: BtnConfig, num_classes: int, *, training: LossConfig | None) -> NetworkCount:
    """Count the forward pass of one image: to P_VIT in inference, or in training to everything that these losses need."""
    with torch.device("meta"):
        model = (
            training_network(config, num_classes, training)
            if training
            else BTN(config, num_classes, training_parts=False)
        )
        model.eval()
        images = torch.zeros(1, 3, config.input.size, config.input.size)
        network = _ForwardBatch(model) if training else model
        trace = trace_modules(network, images)
    prefix = f"{type(network).__name__}."
    inner = "model." if training else ""
    names = [name for name, module in model.named_modules() if name and f"{inner}{name}" in trace.outputs]
    names.sort(key=lambda name: trace.order[f"{inner}{name}"])
    modules = tuple(
        _count(name, model.get_submodule(name), trace, path=f"{inner}{name}", key=f"{prefix}{inner}{name}")
        for name in names
    )
    return NetworkCount(
        total=replace(_count("", model, trace, path=inner.rstrip("."), key="Global"), output=trace.outputs[""]),
        modules=modules,
        dead=sum(
            parameter.numel()
            for name, module in model.named_modules()
            if name and f"{inner}{name}" not in trace.outputs and not isinstance(module, nn.ModuleList)
            for parameter in module.parameters(recurse=False)
        ),
        frozen=sum(parameter.numel() for parameter in model.parameters() if not parameter.requires_grad),
        discarded=_landmark_head(config),
    )


class _ForwardBatch(nn.Module):
    """Calls `forward_batch` as its forward, so that hooks and the FLOP counter record it."""

    def __init__(self, model: BTN) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> BatchOutput:
        return self.model.forward_batch(images)


@dataclass(frozen=True)
class ModuleTrace:
    """One forward pass, by module path: output shapes, order of first calls, MACs by thop's rules, FLOPs of the counter."""

    outputs: dict[str, tuple[Shape, ...]]
    order: dict[str, int]
    thop: dict[str, int]
    flops: dict[str, int]


def trace_modules(network: nn.Module, images: Tensor) -> ModuleTrace:
    """Run a network once and record every module."""
    trace = ModuleTrace({}, {}, {}, {})
    hooks = []
    for name, module in network.named_modules():

        def before(_: nn.Module, __: Any, *, name: str = name) -> None:
            trace.order.setdefault(name, len(trace.order))

        def after(module: nn.Module, inputs: Any, output: Any, *, name: str = name) -> None:
            trace.outputs[name] = tuple(tuple(tensor.shape) for tensor in _tensors(output))
            trace.thop[name] = trace.thop.get(name, 0) + thop_macs(module, inputs, output)

        hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images)
    for hook in hooks:
        hook.remove()
    trace.flops.update({str(name): sum(counts.values()) for name, counts in counter.get_flop_counts().items()})
    return trace


def _count(name: str, module: nn.Module, trace: ModuleTrace, *, path: str, key: str) -> ModuleCount:
    inside = [other for other in trace.thop if not path or other == path or other.startswith(f"{path}.")]
    return ModuleCount(
        name=name,
        kind=type(module).__name__,
        output=trace.outputs.get(path, ()),
        parameters=count_parameters(module),
        macs=trace.flops.get(key, 0) // 2,
        thop_macs=sum(trace.thop[other] for other in inside),
        thop_parameters=sum(count_parameters(leaf) for leaf in module.modules() if not list(leaf.children())),
    )


def thop_macs(module: nn.Module, inputs: Any, output: Any) -> int:
    """Return the MACs of one call of one layer by the rules of thop 0.1.1; layers without a rule count 0."""
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
        trace = trace_modules(net, torch.zeros(1, 3, config.backbone_size, config.backbone_size))
    head = ("pool", "points", "norm")
    parts = [_count(name, net.get_submodule(name), trace, path=name, key=f"LandmarkNet.{name}") for name in head]
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
