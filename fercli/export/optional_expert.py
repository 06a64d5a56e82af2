"""Make the frozen expert of an ONNX graph optional: an input skips it for programs that read other label conventions only."""

from __future__ import annotations

from typing import Any

import numpy as np

from fercli.config.model import DEFAULT_HEAD_NAME
from fercli.weights.card import WeightsCard
from fercli.weights.onnx_interface import EXPERT, OUTPUT, PROBABILITIES, output_of


def make_expert_optional(graph: Any, card: WeightsCard) -> None:
    """Move everything that only heads with the expert need into an If operator, in place.

    Its condition is the input `expert`, true unless it is given: with false, these heads give NaN and cost nothing.
    A graph in which all heads use the expert, or none, is left as it is.
    """
    from onnx import TensorProto, helper, numpy_helper

    used = [head for head in (None, *card.model.conventions) if (head or DEFAULT_HEAD_NAME) in card.model.expert.heads]
    names = [output.name for output in graph.graph.output]
    with_expert = [name for head in used for name in (output_of(OUTPUT, head), output_of(PROBABILITIES, head))]
    with_expert = [name for name in names if name in with_expert]
    others = [name for name in names if name not in with_expert]
    if not with_expert or not others:
        return
    needed = _ancestors(graph, others)
    nodes = list(graph.graph.node)
    branch = [node for node in nodes if not needed.intersection(node.output)]
    shape = ["batch", len(card.labels)]
    inner = {name: f"{name}.inside" for name in with_expert}
    for node in branch:
        for names_of in (node.input, node.output):
            names_of[:] = [inner.get(name, name) for name in names_of]
    reference = next(name for name in others if name.startswith(OUTPUT))
    skipped = [helper.make_node("Mul", [reference, "expert.nan"], [f"{name}.skipped"]) for name in with_expert]

    def outputs(suffix: str) -> list[Any]:
        return [helper.make_tensor_value_info(f"{name}{suffix}", TensorProto.FLOAT, shape) for name in with_expert]

    chosen = helper.make_node(
        "If",
        [EXPERT],
        with_expert,
        then_branch=helper.make_graph(branch, "with_expert", [], outputs(".inside")),
        else_branch=helper.make_graph(skipped, "without_expert", [], outputs(".skipped")),
    )
    del graph.graph.node[:]
    graph.graph.node.extend([*(node for node in nodes if needed.intersection(node.output)), chosen])
    graph.graph.input.append(helper.make_tensor_value_info(EXPERT, TensorProto.BOOL, []))
    graph.graph.initializer.extend(
        [numpy_helper.from_array(np.array(True), EXPERT), numpy_helper.from_array(np.float32(np.nan), "expert.nan")]
    )
    graph.ir_version = max(graph.ir_version, 4)


def _ancestors(graph: Any, outputs: list[str]) -> set[str]:
    """Names of all values that the outputs are computed from, themselves included."""
    producers = {name: node for node in graph.graph.node for name in node.output}
    names, waiting = set(outputs), list(outputs)
    while waiting:
        node = producers.get(waiting.pop())
        for name in node.input if node is not None else ():
            if name not in names:
                names.add(name)
                waiting.append(name)
    return names
