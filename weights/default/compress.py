"""Round the weights of a built file so that its exported ONNX file is small and has the same values.

    python weights/default/compress.py built.safetensors small.safetensors --table embed_middle.weight

Large tensors of the trunk become float16. Those named by --table keep at most 256 different values, which `fer export` stores
as one byte each: the values are found by Lloyd's algorithm (k-means in one dimension). Heads and expert stay as they are.
Calibrate afterwards, so that temperatures and scores are those of the rounded weights.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fercli.weights.files import load_weights, save_weights

EXACT = ("vit.head", "vit.convention_heads", "expert.")
SMALLEST = 1000  # values of a tensor worth rounding
VALUES = 256
ITERATIONS = 200


def table_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most 256 values, ascending, each the mean of those of `values` [n] that are nearest to it."""
    ordered = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    spread = np.linspace(ordered[0], ordered[-1], VALUES // 2)
    dense = ordered[np.linspace(0, len(ordered) - 1, VALUES - len(spread)).astype(int)]
    table = np.sort(np.concatenate([spread, dense]))
    for _ in range(ITERATIONS):
        ends = np.concatenate([[0], np.searchsorted(ordered, (table[1:] + table[:-1]) / 2), [len(ordered)]])
        counts = np.diff(ends)
        table = np.where(counts > 0, np.diff(sums[ends]) / np.maximum(counts, 1), table)
    return table


def of_few_values(tensor: Tensor) -> Tensor:
    """The tensor with every value replaced by the nearest of its table; float16."""
    values = tensor.double().numpy()
    table = table_of(values.ravel())
    nearest = np.searchsorted((table[1:] + table[:-1]) / 2, values)
    return torch.from_numpy(table[nearest].astype(np.float16))


def is_rounded(name: str, tensor: Tensor) -> bool:
    large = tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel() >= SMALLEST
    return large and not name.startswith(EXACT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--table", nargs="*", default=(), metavar="TENSOR")
    options = parser.parse_args()
    state, card = load_weights(options.weights)
    for name, tensor in state.items():
        if name in options.table:
            state[name] = of_few_values(tensor)
            error = (state[name].double() - tensor.double()).norm() / tensor.double().norm()
            sys.stdout.write(f"{name}: {len(state[name].unique())} values, relative error {float(error):.4f}\n")
        elif is_rounded(name, tensor):
            state[name] = tensor.half()
    save_weights(options.out, state, card)


if __name__ == "__main__":
    main()
