"""Translate a model to an ONNX graph: any batch size, inference only, no unused nodes or tensors."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from fercli.errors import RefusedError
from fercli.weights.card import WeightsCard
from fercli.weights.onnx_interface import INPUT, OPSET, OUTPUT, output_of

if TYPE_CHECKING:
    from fercli.models.btn import BTN


def translate(model: BTN, card: WeightsCard, *, opset: int = OPSET) -> Any:
    """Translate a model in evaluation mode to an onnx.ModelProto in float32, with any batch size.

    It has the output `logits`, and `logits_NAME` for every further label convention.
    Batch norm after a convolution is folded into it. Raises: RefusedError if the graph contains training-only parameters.
    """
    import torch

    from fercli.models.every_convention import EveryConvention

    side, heads = card.model.input.size, (None, *card.model.conventions)
    images = torch.zeros(2, 3, side, side)  # two, since a batch size of 1 is exported as a constant
    batch = torch.export.Dim("batch", min=1)
    with _quiet_exporter():
        program = torch.onnx.export(
            EveryConvention(model) if card.model.conventions else model,
            (images,),
            dynamo=True,
            opset_version=opset,
            input_names=[INPUT],
            output_names=[output_of(OUTPUT, head) for head in heads],
            dynamic_shapes=({0: batch},),
            custom_translation_table={torch.ops.aten.scaled_dot_product_attention.default: _attention()},
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    graph = program.model_proto
    _remove_prefix(graph, "model.")
    inside = {tensor.name for tensor in graph.graph.initializer}
    stray = sorted(inside & _training_only(card))
    if stray:
        raise RefusedError(
            f"the exported graph contains training-only parameters: {', '.join(stray[:4])}",
            fix="report it as a bug; the weights file is intact",
        )
    _compute_positions(graph)
    _strip_metadata(graph)
    return graph


def _attention() -> Callable[..., Any]:
    """Return attention as four operators; the exporter's translation has a dozen more for shapes, and copies the keys."""
    from onnxscript import opset20 as op

    def attention(  # noqa: PLR0917 (the operator's own signature)
        query: Any,
        key: Any,
        value: Any,
        attn_mask: Any = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Any:
        """query, key, value [B, H, T, D], attn_mask added to the scores [.., H, T, T] -> [B, H, T, D]."""
        if dropout_p or is_causal or enable_gqa:
            raise NotImplementedError(
                "attention with dropout, causal mask or grouped queries is not part of the network"
            )
        factor = scale or query.shape[-1] ** -0.5
        scores = op.MatMul(query, op.Transpose(key, perm=[0, 1, 3, 2]))
        scores = op.Mul(scores, op.Constant(value_float=factor))
        if attn_mask is not None:
            scores = op.Add(scores, attn_mask)
        return op.MatMul(op.Softmax(scores, axis=-1), value)

    return attention


def _training_only(card: WeightsCard) -> set[str]:
    """Names of the training network's state dict that inference does not use."""
    import torch

    from fercli.models.btn import BTN

    with torch.device("meta"):
        network = BTN(card.model, len(card.labels))
    return set(network.state_dict()) - set(network.inference_state())


def _remove_prefix(graph: Any, prefix: str) -> None:
    """Give the tensors of a wrapped model the names that they have in its state dict."""
    new_names = {
        tensor.name: tensor.name.removeprefix(prefix)
        for tensor in graph.graph.initializer
        if tensor.name.startswith(prefix)
    }
    for tensor in graph.graph.initializer:
        tensor.name = new_names.get(tensor.name, tensor.name)
    for node in graph.graph.node:
        node.input[:] = [new_names.get(name, name) for name in node.input]


def _compute_positions(graph: Any) -> None:
    """Replace tables of relative positions, int64 [T, T], by the sum of two small ones, which a runtime folds once.

    The table of a map of S x S positions is (dy + S - 1) * (2 S - 1) + dx + S - 1: megabytes that S alone determines.
    """
    import onnx

    for tensor in list(graph.graph.initializer):
        if not tensor.name.endswith(".relative_position"):
            continue
        table = onnx.numpy_helper.to_array(tensor)
        side = math.isqrt(table.shape[0])
        offset = np.arange(side)[:, None] - np.arange(side)[None, :] + side - 1  # [S, S], of one axis
        rows, columns = (offset * (2 * side - 1))[:, None, :, None], offset[None, :, None, :]
        if not np.array_equal((rows + columns).reshape(table.shape), table):
            continue
        name = tensor.name
        parts = {f"{name}.rows": rows, f"{name}.columns": columns, f"{name}.shape": np.array(table.shape)}
        graph.graph.initializer.remove(tensor)
        graph.graph.initializer.extend(
            onnx.numpy_helper.from_array(part.astype(np.int64), key) for key, part in parts.items()
        )
        rows_name, columns_name, shape_name = parts
        graph.graph.node.insert(0, onnx.helper.make_node("Reshape", [f"{name}.sum", shape_name], [name]))
        graph.graph.node.insert(0, onnx.helper.make_node("Add", [rows_name, columns_name], [f"{name}.sum"]))


def refuse_unused(graph: Any) -> None:
    """Raise RefusedError if an initializer or a node of a graph without subgraphs is unused."""
    read = {name for node in graph.graph.node for name in node.input} | {value.name for value in graph.graph.output}
    unused = [tensor.name for tensor in graph.graph.initializer if tensor.name not in read]
    unused += [node.output[0] for node in graph.graph.node if read.isdisjoint(node.output)]
    if unused:
        raise RefusedError(
            f"the exported graph has unused tensors or operators: {', '.join(unused[:4])}; no file was written",
            fix="report it as a bug; the weights file is intact",
        )


def _strip_metadata(graph: Any) -> None:
    """Remove the exporter's metadata of nodes and values: stack traces and paths of the machine."""
    for item in (*graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        del item.metadata_props[:]
    for item in (graph, graph.graph):
        del item.metadata_props[:]
    for item in graph.graph.initializer:
        del item.metadata_props[:]


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Suppress the exporter's log lines and its deprecation warnings about itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
