"""An expert that an input of the file skips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from fercli.config.model import ExpertConfig
from fercli.export.optional_expert import make_expert_optional
from fercli.system.onnx_session import open_session, run_bound
from fercli.weights.conventions import Convention

X = np.array([[1.0, -2.0, 3.0]], np.float32)


def _graph():
    """`logits` is -x, `logits_posed` is -x + |x|: the absolute value is what only the expert's head needs."""
    nodes = [
        helper.make_node("Neg", ["images"], ["logits"]),
        helper.make_node("Abs", ["images"], ["expert_value"]),
        helper.make_node("Add", ["logits", "expert_value"], ["logits_posed"]),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3])
        for name in ("images", "logits", "logits_posed")
    ]
    graph = helper.make_graph(nodes, "toy", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _card(card, *heads):
    config = replace(card.model, conventions=("posed",), expert=ExpertConfig(heads=heads))
    labels = card.labels[:3]
    return replace(card, labels=labels, model=config, convention="mixed", conventions=(Convention("posed"),))


def _run(model, outputs, **inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that the value of the switch is not constant
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(outputs, {"images": X, **inputs})


def test_make_expert_optional__runs_it_unless_it_is_switched_off(card):
    model = _graph()
    make_expert_optional(model, _card(card, "posed"))
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Neg", "If"]
    logits, posed = _run(model, ["logits", "logits_posed"])
    np.testing.assert_array_equal(logits, -X)
    np.testing.assert_array_equal(posed, -X + np.abs(X))
    logits, posed = _run(model, ["logits", "logits_posed"], expert=np.array(False))
    np.testing.assert_array_equal(logits, -X)
    assert np.isnan(posed).all()


def test_make_expert_optional__leaves_a_file_in_which_every_head_uses_it(card):
    for heads in ((), ("default", "posed")):
        model = _graph()
        make_expert_optional(model, _card(card, *heads))
        assert [node.op_type for node in model.graph.node] == ["Neg", "Abs", "Add"]
        assert [value.name for value in model.graph.input] == ["images"]


def test_run_bound__takes_the_switch_which_onnx_runtime_cannot_bind(card, tmp_path):
    model = _graph()
    make_expert_optional(model, _card(card, "posed"))
    onnx.save(model, tmp_path / "toy.onnx")
    session, _ = open_session(tmp_path / "toy.onnx", "cpu")
    assert np.isnan(run_bound(session, {"images": X, "expert": np.array(False)}, "logits_posed")).all()
    np.testing.assert_array_equal(run_bound(session, {"images": X}, "logits_posed"), -X + np.abs(X))
