"""Weights of an ONNX graph stored as float16 and computed with in float32: half the file size, the same speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 512  # values of a tensor worth storing as float16: biases and norms stay exact and are small
ACCEPTED_CHANGE = 5e-4  # relative change of a tensor; rounding to 11 bits changes it by about 2e-4


@dataclass(frozen=True)
class Float16Storage:
    """Tensors stored as float16. kept: large tensors that stay float32, since float16 cannot represent them.

    change: largest relative change of a stored tensor: the norm of its rounding errors over its own norm.
    """

    tensors: int
    kept: tuple[str, ...]
    change: float


def store_as_float16(graph: Any) -> Float16Storage:
    """Convert large float32 initializers of an onnx.ModelProto to float16, each with a Cast back to float32, in place.

    A runtime folds the Cast when it loads the file, so the speed is that of float32. A tensor stays float32 if a value
    overflows in float16, or if so many are too small for float16 that it changes by more than ACCEPTED_CHANGE.
    """
    import onnx

    casts, kept, changes = [], [], []
    for tensor in graph.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST:
            continue
        exact = onnx.numpy_helper.to_array(tensor)
        change = relative_change(exact)
        if not change <= ACCEPTED_CHANGE:  # written so that overflow and NaN are kept too
            kept.append(tensor.name)
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(exact.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
        changes.append(change)
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*casts, *nodes])
    return Float16Storage(len(casts), tuple(kept), max(changes, default=0.0))


def relative_change(exact: NDArray[np.float32]) -> float:
    """Return the norm of the rounding errors of float16 over the tensor's own norm; infinite if a value overflows."""
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float16).astype(np.float64)
    norm = float(np.linalg.norm(exact.astype(np.float64)))
    if not np.isfinite(rounded).all():
        return float("inf")
    return float(np.linalg.norm(rounded - exact)) / norm if norm else 0.0
