import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from fercli.export.byte_storage import store_as_bytes

RANDOM = np.random.default_rng(0)


def _sum_of(*tensors):
    """A graph that adds its input to each tensor in turn."""
    nodes = [helper.make_node("Add", [f"x{index}", f"w{index}"], [f"x{index + 1}"]) for index in range(len(tensors))]
    shape = list(tensors[0].shape)
    graph = helper.make_graph(
        nodes,
        "sums",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"x{len(tensors)}", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(tensor, f"w{index}") for index, tensor in enumerate(tensors)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_store_as_bytes__keeps_every_value_of_8_bit_weights():
    few = (RANDOM.integers(0, 256, (64, 64)) * np.float32(0.013) - np.float32(1.7)).astype(np.float32)
    many = RANDOM.normal(size=(64, 64)).astype(np.float32)
    model = _sum_of(few, many)
    assert store_as_bytes(model) == 1
    onnx.checker.check_model(model, full_check=True)
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert kinds == {"w0.bytes": TensorProto.UINT8, "w0.values": TensorProto.FLOAT, "w1": TensorProto.FLOAT}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    [result] = session.run(None, {"x0": np.zeros_like(few)})
    np.testing.assert_array_equal(result, few + many)


def test_store_as_bytes__leaves_small_tensors():
    assert store_as_bytes(_sum_of(np.zeros((4, 4), np.float32))) == 0
