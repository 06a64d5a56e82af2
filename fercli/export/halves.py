"""A float32 graph in, the same graph with its weights stored as float16 out: half the file, computed in float32 as before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 512  # numbers in a tensor worth storing as halves: biases and norms stay exact and weigh nothing
ACCEPTED = 5e-4  # relative change of a tensor; rounding to 11 bits changes it by about 2e-4


@dataclass(frozen=True)
class Halves:
    """What was stored as float16. kept: large tensors that stayed float32, as float16 cannot hold them.

    change: largest relative change of a stored tensor, the norm of its rounding over its own.
    """

    tensors: int
    kept: tuple[str, ...]
    change: float


def store_halves(graph: Any) -> Halves:
    """Turn large float32 initializers of an onnx.ModelProto into float16 ones behind a Cast back to float32, in place.

    A runtime folds the Cast when it loads the file, so the speed is that of float32. A tensor stays float32 if a number
    of it overflows in float16, or if so much of it is too small for float16 that it changes by more than ACCEPTED.
    """
    import onnx

    casts, kept, changes = [], [], []
    for tensor in graph.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST:
            continue
        exact = onnx.numpy_helper.to_array(tensor)
        change = relative_change(exact)
        if not change <= ACCEPTED:  # written so that overflow and NaN are kept too
            kept.append(tensor.name)
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(exact.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
        changes.append(change)
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*casts, *nodes])
    return Halves(len(casts), tuple(kept), max(changes, default=0.0))


def relative_change(exact: NDArray[np.float32]) -> float:
    """Norm of what rounding to float16 changes, over the tensor's own norm; infinite where a number overflows."""
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float16).astype(np.float64)
    norm = float(np.linalg.norm(exact.astype(np.float64)))
    if not np.isfinite(rounded).all():
        return float("inf")
    return float(np.linalg.norm(rounded - exact)) / norm if norm else 0.0
