"""Weights of few different values stored as one byte each and a table of the values: exact, a quarter of the size."""

from __future__ import annotations

from typing import Any

import numpy as np

SMALLEST = 2048  # values of a tensor worth a table of its own
_VALUES = 256


def store_as_bytes(graph: Any) -> int:
    """Replace large float32 initializers of at most 256 different values by indices and a table, in place; return how many.

    Weights that were published in 8 bits are such tensors. A runtime folds the look-up when it loads the file.
    """
    from onnx import TensorProto, helper, numpy_helper

    lookups = []
    for tensor in graph.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST:
            continue
        exact = numpy_helper.to_array(tensor)
        values, indices = np.unique(exact, return_inverse=True)
        if len(values) > _VALUES:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(indices.reshape(exact.shape).astype(np.uint8), f"{name}.bytes"))
        graph.graph.initializer.append(numpy_helper.from_array(values, f"{name}.values"))
        lookups.append(helper.make_node("Cast", [f"{name}.bytes"], [f"{name}.index"], to=TensorProto.INT32))
        lookups.append(helper.make_node("Gather", [f"{name}.values", f"{name}.index"], [name]))
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*lookups, *nodes])
    return len(lookups) // 2
