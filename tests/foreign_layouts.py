"""Names and shapes of other projects' checkpoints, written down by hand, and random checkpoints made from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

Shapes = dict[str, tuple[int, ...]]
COUNTER, INDEX = "num_batches_tracked", "relative_position_index"  # whole numbers; all others are floats
UNUSED = ("ir_back.output_layer", "VIT.IRLinear", "VIT.patch_embed", "VIT.CON1")


def _norm(name: str, channels: int) -> Shapes:
    leaves = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{leaf}": (channels,) for leaf in leaves} | {f"{name}.{COUNTER}": ()}


def _linear(name: str, outputs: int, *inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, *inputs), f"{name}.bias": (outputs,)}


def mobilefacenet(prefix: str = "") -> Shapes:
    """cunjian/pytorch_face_landmark's MobileFaceNet with 136 outputs: 333 tensors."""

    def unit(name: str, outputs: int, inputs: int, side: int, *, prelu: bool = True) -> Shapes:
        shapes = {f"{name}.conv.weight": (outputs, inputs, side, side)} | _norm(f"{name}.bn", outputs)
        return shapes | ({f"{name}.prelu.weight": (outputs,)} if prelu else {})

    def block(name: str, inputs: int, inner: int, outputs: int) -> Shapes:
        return (
            unit(f"{name}.conv", inner, inputs, 1)
            | unit(f"{name}.conv_dw", inner, 1, 3)
            | unit(f"{name}.project", outputs, inner, 1, prelu=False)
        )

    shapes = unit("conv1", 64, 3, 3) | unit("conv2_dw", 64, 1, 3)
    for down, rest, depth, inputs, wide, outputs, inner in (
        ("conv_23", "conv_3", 4, 64, 128, 64, 128),
        ("conv_34", "conv_4", 6, 64, 256, 128, 256),
        ("conv_45", "conv_5", 2, 128, 512, 128, 256),
    ):
        shapes |= block(down, inputs, wide, outputs)
        for number in range(depth):
            shapes |= block(f"{rest}.model.{number}", outputs, inner, outputs)
    shapes |= unit("conv_6_sep", 512, 128, 1)
    shapes |= unit("output_layer.conv_6_dw", 512, 1, 7, prelu=False)
    shapes |= {"output_layer.linear.weight": (136, 512)} | _norm("output_layer.bn", 136)
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def poster_v2(classes: int = 7) -> Shapes:
    """POSTER_V2's PosterV2_7cls or PosterV2_8cls: 747 tensors, 58.3 million parameters."""
    shapes = mobilefacenet("face_landback.") | _ir_back()
    for level, (channels, side, heads) in enumerate(((64, 28, 2), (128, 14, 4), (256, 7, 8)), start=1):
        shapes |= _linear(f"conv{level}", channels, channels, 3, 3) | _layer_norm(f"window{level}.norm", channels)
        shapes |= {
            f"attn{level}.relative_position_bias_table": ((2 * side - 1) ** 2, heads),
            f"attn{level}.{INDEX}": (side * side, side * side),
            f"ffn{level}.gamma1": (channels,),
            f"ffn{level}.gamma2": (channels,),
        }
        shapes |= _linear(f"attn{level}.qkv", 2 * channels, channels) | _linear(f"attn{level}.proj", channels, channels)
        shapes |= _layer_norm(f"ffn{level}.norm", channels)
        shapes |= _linear(f"ffn{level}.mlp.fc1", 4 * channels, channels)
        shapes |= _linear(f"ffn{level}.mlp.fc2", channels, 4 * channels)
    shapes |= _linear("last_face_conv", 256, 512, 3, 3) | _linear("embed_v.proj", 768, 256, 1, 1)
    shapes |= _linear("embed_q.0", 768, 64, 3, 3) | _linear("embed_q.1", 768, 768, 3, 3)
    return shapes | _linear("embed_k.0", 768, 128, 3, 3) | _vit(classes)


def _layer_norm(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def _ir_back() -> Shapes:
    shapes: Shapes = {"ir_back.input_layer.0.weight": (64, 3, 3, 3), "ir_back.input_layer.2.weight": (64,)}
    shapes |= _norm("ir_back.input_layer.1", 64) | _norm("ir_back.output_layer.0", 512)
    shapes |= _linear("ir_back.output_layer.3", 512, 25088) | _norm("ir_back.output_layer.4", 512)
    for stage, (first, channels, depth) in enumerate(((64, 64, 3), (64, 128, 4), (128, 256, 14)), start=1):
        for number in range(depth):
            name, inputs = f"ir_back.body{stage}.{number}", channels if number else first
            shapes |= _norm(f"{name}.res_layer.0", inputs) | _norm(f"{name}.res_layer.4", channels)
            shapes[f"{name}.res_layer.1.weight"] = (channels, inputs, 3, 3)
            shapes[f"{name}.res_layer.2.weight"] = (channels,)
            shapes[f"{name}.res_layer.3.weight"] = (channels, channels, 3, 3)
            if inputs != channels:
                shapes[f"{name}.shortcut_layer.0.weight"] = (channels, inputs, 1, 1)
                shapes |= _norm(f"{name}.shortcut_layer.1", channels)
    return shapes


def _vit(classes: int) -> Shapes:
    shapes: Shapes = {
        "VIT.cls_token": (1, 1, 768),
        "VIT.pos_embed": (1, 148, 768),
        "VIT.eca_block.conv.weight": (1, 1, 5),
    }
    shapes |= {"VIT.CON1.weight": (768, 256, 1, 1)} | _layer_norm("VIT.norm", 768)
    shapes |= _linear("VIT.se_block.linear1", 768, 768) | _linear("VIT.se_block.linear2", 768, 768)
    shapes |= _linear("VIT.patch_embed.proj", 768, 256, 1, 1) | _linear("VIT.head.linear", classes, 768)
    shapes |= _linear("VIT.IRLinear1", 768, 1024) | _linear("VIT.IRLinear2", 512, 768)
    for block in ("VIT.blocks.0", "VIT.blocks.1"):
        shapes |= _layer_norm(f"{block}.norm1", 768) | _layer_norm(f"{block}.norm2", 768)
        shapes |= _linear(f"{block}.conv", 148, 148, 1) | _linear(f"{block}.attn.qkv", 2304, 768)
        shapes |= _linear(f"{block}.attn.proj", 768, 768)
        shapes |= _linear(f"{block}.mlp.fc1", 3072, 768) | _linear(f"{block}.mlp.fc2", 768, 3072)
    return shapes


def random_state(shapes: Shapes, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random values that a network can run with; modules that nobody uses are zeros that take no room on disk."""
    draw = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        if name.endswith((COUNTER, INDEX)):
            state[name] = torch.zeros((), dtype=torch.int64).expand(shape)
        elif name.startswith(UNUSED):
            state[name] = torch.zeros(()).expand(shape)
        elif name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
            state[name] = torch.rand(shape, generator=draw) * 0.2 + 0.9  # variances, slopes and factors of norms
        else:
            fan_in = max(1, torch.Size(shape[1:]).numel())
            state[name] = torch.randn(shape, generator=draw) / fan_in**0.5
    return state


def save(path: Path, state: Mapping[str, torch.Tensor], **beside: object) -> Path:
    """Write a checkpoint as POSTER_V2 does: names with `module.`, the state dict among other things."""
    torch.save({"epoch": 7, "state_dict": {f"module.{name}": value for name, value in state.items()}, **beside}, path)
    return path
