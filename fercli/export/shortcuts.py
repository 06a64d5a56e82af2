"""Rewrite the averaging shortcuts of the face ResNet as convolutions, which ONNX Runtime's CPU kernels run faster."""

from __future__ import annotations

from typing import Any

import numpy as np


def shortcuts_as_convolutions(graph: Any) -> int:
    """Replace every 2 x 2 average that is padded with channels of zeros by a convolution, in place; return how many.

    Blocks of stride 2 of the face ResNet have such shortcuts. An average and a padding leave the blocked memory layout of
    the convolutions around them and are added in a separate pass; a convolution with weights 0.25 from each channel to
    itself is fused into the block. Its weights are computed from two small tables, once, when a runtime loads the file.
    """
    from onnx import numpy_helper

    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    nodes = list(graph.graph.node)
    paddings = {node.output[0]: _padding_of(node, nodes, constants) for node in nodes if _is_2x2_average(node)}
    replaced = {output: node for output, node in paddings.items() if node is not None}
    removed = {node.output[0] for node in replaced.values()}
    del graph.graph.node[:]
    for node in nodes:
        padding = replaced.get(node.output[0])
        if padding is not None:
            tensors, new_nodes = _convolution(node, padding, new_channels=int(constants[padding.input[1]][5]))
            graph.graph.initializer.extend(tensors)
            graph.graph.node.extend(new_nodes)
        elif node.output[0] not in removed:
            graph.graph.node.append(node)
    used = {name for node in graph.graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.graph.initializer if tensor.name not in used]:
        graph.graph.initializer.remove(tensor)
    return len(replaced)


def _is_2x2_average(node: Any) -> bool:
    """Whether a node averages 2 x 2 pixels without overlap."""
    if node.op_type != "AveragePool":
        return False
    attributes = {attribute.name: list(attribute.ints) for attribute in node.attribute if attribute.ints}
    return (
        attributes["kernel_shape"] == [2, 2]
        and attributes.get("strides") == [2, 2]
        and not any(attributes.get("pads", [0]))
    )


def _padding_of(average: Any, nodes: list[Any], constants: dict[str, Any]) -> Any | None:
    """Return the only reader of an average if it is a Pad that appends channels of zeros and nothing else, else None."""
    readers = [node for node in nodes if average.output[0] in node.input]
    if len(readers) != 1 or readers[0].op_type != "Pad" or readers[0].input[1] not in constants:
        return None
    pads = constants[readers[0].input[1]].tolist()
    return readers[0] if len(pads) == 8 and pads[5] > 0 and sum(map(abs, pads)) == pads[5] else None


def _convolution(average: Any, padding: Any, *, new_channels: int) -> tuple[list[Any], list[Any]]:
    """Tensors and nodes of the equivalent convolution; blocks of stride 2 double their channels."""
    from onnx import TensorProto, helper, numpy_helper

    name, old = f"{average.output[0]}.weight", new_channels
    tensors = [
        numpy_helper.from_array(np.arange(old + new_channels).reshape(-1, 1, 1, 1), f"{name}.out"),
        numpy_helper.from_array(np.arange(old).reshape(1, -1, 1, 1), f"{name}.in"),
        numpy_helper.from_array(np.array([old + new_channels, old, 2, 2]), f"{name}.shape"),
        numpy_helper.from_array(np.float32(0.25), f"{name}.quarter"),
    ]
    out_index, in_index, shape, quarter = (tensor.name for tensor in tensors)
    nodes = [
        helper.make_node("Equal", [out_index, in_index], [f"{name}.same"]),
        helper.make_node("Cast", [f"{name}.same"], [f"{name}.one"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.one", quarter], [f"{name}.part"]),
        helper.make_node("Expand", [f"{name}.part", shape], [name]),
        helper.make_node("Conv", [average.input[0], name], [padding.output[0]], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    return tensors, nodes
