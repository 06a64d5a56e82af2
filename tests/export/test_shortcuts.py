import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from fercli.export.shortcuts import shortcuts_as_convolutions


def _block(pads):
    """An average over 2 x 2 pixels, padded, and something after it."""
    nodes = [
        helper.make_node("AveragePool", ["x"], ["half"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        helper.make_node("Pad", ["half", "pads"], ["wide"]),
        helper.make_node("Relu", ["wide"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "block",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "c", "h", "w"])],
        [numpy_helper.from_array(np.array(pads), "pads")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _run(model, x, optimised=None):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def test_shortcuts_as_convolutions__average_and_pad_as_before(tmp_path):
    model = _block([0, 0, 0, 0, 0, 8, 0, 0])
    x = np.random.default_rng(0).random((2, 8, 6, 6), np.float32)
    assert shortcuts_as_convolutions(model) == 1
    onnx.checker.check_model(model, full_check=True)
    output = _run(model, x, tmp_path / "optimised.onnx")
    np.testing.assert_allclose(output[:, :8], x.reshape(2, 8, 3, 2, 3, 2).mean(axis=(3, 5)), atol=1e-6)
    assert not output[:, 8:].any()
    # nothing but the convolution is left to do at each output
    operators = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    assert not operators & {"AveragePool", "Pad", "Equal", "Cast", "Mul", "Expand"}


@pytest.mark.parametrize("pads", [[0, 0, 1, 0, 0, 8, 0, 0], [0, 8, 0, 0, 0, 0, 0, 0]])
def test_shortcuts_as_convolutions__does_not_change_other_paddings(pads):
    model = _block(pads)
    before = model.SerializeToString()
    assert shortcuts_as_convolutions(model) == 0
    assert model.SerializeToString() == before
