"""A float32 graph in, the same graph computed in float16 or in int8 out."""

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

_EXACT = ("vit.gate.", "vit.head.")  # the last layers: little work, and nothing after them evens out their rounding


def to_fp16(graph: Any) -> Any:
    """Compute in float16, between inputs and outputs that stay float32: for CUDA and TensorRT.

    The CPU provider has no such kernels for most operators and turns numbers back and forth: right, but slow.
    """
    half = onnx_runtime("onnxruntime.transformers.float16").convert_float_to_float16(graph, keep_io_types=True)
    nodes = list(half.graph.node)  # the casts of the inputs stand at the end
    maker = {name: place for place, node in enumerate(nodes) for name in node.output}
    needs = {place: {maker[name] for name in node.input if name in maker} for place, node in enumerate(nodes)}
    del half.graph.node[:]
    half.graph.node.extend(nodes[place] for place in TopologicalSorter(needs).static_order())
    return half


def to_int8(source: Path, target: Path, batches: Sequence[NDArray[np.float32]]) -> int:
    """Write a float32 ONNX file with its convolutions and matrix products in int8; returns how many operators are.

    Static quantisation: activations unsigned with ranges from `batches` (normalised crops [B, 3, S, S]), weights signed,
    symmetric and per channel, in 7 bits, as 8 overflow in the 16-bit sums of processors without VNNI. What reads the
    images, the gate and the head stay float32, and so does attention between activations, norms and softmax.
    """
    import onnx

    quantization = onnx_runtime("onnxruntime.quantization")

    class Batches(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.rest: Iterator[NDArray[np.float32]] = iter(batches)

        def get_next(self) -> Mapping[str, NDArray[np.float32]] | None:
            batch = next(self.rest, None)
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
            nodes_to_exclude=kept_exact(graph),
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={"MatMulConstBOnly": True, "WeightSymmetric": True, "ActivationSymmetric": False},
        )
    done = onnx.load(target)
    quantised = {node.output[0] for node in done.graph.node if node.op_type == "DequantizeLinear"}
    return sum(node.op_type in ("Conv", "MatMul", "Gemm") and node.input[1] in quantised for node in done.graph.node)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep advice to preprocess the graph, which this program's already is, off the terminal: it goes to the root logger."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def kept_exact(graph: Any) -> list[str]:
    """Names of the nodes that int8 leaves in float32: the convolutions nearest to the images, the gate and the head."""
    near, kept = {INPUT}, []
    for node in graph.graph.node:
        first = node.op_type == "Conv" and near & set(node.input)
        last = node.op_type in ("Gemm", "MatMul") and any(name.startswith(_EXACT) for name in node.input)
        if first or last:
            kept.append(node.name)
        elif near & set(node.input):
            near.update(node.output)
    return kept
