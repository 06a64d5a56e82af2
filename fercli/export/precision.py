"""Convert a float32 ONNX graph to compute in float16 or int8."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fercli.system.devices import onnx_runtime
from fercli.weights.onnx_interface import INPUT

Precision = Literal["fp32", "fp16", "int8"]

_FLOAT32_LAYERS = (
    "vit.gate.",
    "vit.head.",
    "vit.convention_heads.",
    "expert.",
)  # the last layers: little computation, and their rounding reaches the logits


def to_fp16(graph: Any) -> Any:
    """Convert a graph to float16 with float32 inputs and outputs, for CUDA and TensorRT.

    ONNX Runtime's CPU provider has no float16 kernels for most operators and converts back and forth: correct, but slow.
    """
    half = onnx_runtime("onnxruntime.transformers.float16").convert_float_to_float16(graph, keep_io_types=True)
    nodes = list(half.graph.node)  # not sorted: the casts of the inputs come last
    producer = {name: index for index, node in enumerate(nodes) for name in node.output}
    needs = {index: {producer[name] for name in node.input if name in producer} for index, node in enumerate(nodes)}
    del half.graph.node[:]
    half.graph.node.extend(nodes[index] for index in TopologicalSorter(needs).static_order())
    return half


def to_int8(source: Path, target: Path, batches: Sequence[NDArray[np.float32]]) -> int:
    """Write a float32 ONNX file with its convolutions and matrix products in int8; return how many were converted.

    Static quantisation: activations unsigned with ranges from `batches` (normalised crops [B, 3, S, S]), weights signed,
    symmetric and per channel, in 7 bits, since 8 overflow in the 16-bit sums of processors without VNNI. The layers that
    read the images, the gate, the head, products of two activations (attention), norms and softmax stay float32.
    """
    import onnx

    quantization = onnx_runtime("onnxruntime.quantization")

    class Batches(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.remaining: Iterator[NDArray[np.float32]] = iter(batches)

        def get_next(self) -> Mapping[str, NDArray[np.float32]] | None:
            batch = next(self.remaining, None)
            return None if batch is None else {INPUT: batch}

    graph = onnx.load(source)
    with _quiet():
        quantization.quantize_static(
            source,
            target,
            Batches(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=float32_nodes(graph),
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={"MatMulConstBOnly": True, "WeightSymmetric": True, "ActivationSymmetric": False},
        )
    converted = onnx.load(target)
    quantised = {node.output[0] for node in converted.graph.node if node.op_type == "DequantizeLinear"}
    return sum(
        node.op_type in ("Conv", "MatMul", "Gemm") and node.input[1] in quantised for node in converted.graph.node
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the root logger's advice to preprocess the graph, which has already been done."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def float32_nodes(graph: Any) -> list[str]:
    """Return the nodes that int8 does not convert: the first convolutions after the images, the gate and the head."""
    before_conv, names = {INPUT}, []
    for node in graph.graph.node:
        first = node.op_type == "Conv" and before_conv & set(node.input)
        last = node.op_type in ("Gemm", "MatMul", "Conv") and any(
            name.startswith(_FLOAT32_LAYERS) for name in node.input
        )
        if first or last:
            names.append(node.name)
        elif before_conv & set(node.input):
            before_conv.update(node.output)
    return names
