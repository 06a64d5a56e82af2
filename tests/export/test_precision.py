import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fercli.export.precision import float32_nodes, to_fp16, to_int8

RANDOM = np.random.default_rng(0)


def _network():
    """Two convolutions, one of them on the images, a pooled matrix product and a head."""

    def weight(name, *shape):
        return numpy_helper.from_array(RANDOM.normal(0, 0.1, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Mul", ["images", "scale"], ["scaled"], "scale"),
        helper.make_node("Conv", ["scaled", "first"], ["a"], "first", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "second"], ["c"], "second", pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["c"], ["d"], "pool"),
        helper.make_node("Flatten", ["d"], ["e"], "flat"),
        helper.make_node("MatMul", ["e", "product"], ["f"], "product"),
        helper.make_node("Gemm", ["f", "vit.head.weight"], ["logits"], "head"),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [
            weight("scale", 1),
            weight("first", 8, 3, 3, 3),
            weight("second", 8, 8, 3, 3),
            weight("product", 8, 16),
            weight("vit.head.weight", 16, 4),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_float32_nodes__are_the_first_convolution_and_the_head():
    assert float32_nodes(_network()) == ["first", "head"]


def test_to_int8__quantises_the_rest_per_channel_in_seven_bits(tmp_path):
    onnx.save(_network(), tmp_path / "exact.onnx")
    batches = [RANDOM.normal(size=(4, 3, 16, 16)).astype(np.float32) for _ in range(2)]
    assert to_int8(tmp_path / "exact.onnx", tmp_path / "int8.onnx", batches) == 2
    tensors = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "int8.onnx").graph.initializer
    }
    assert tensors["second_quantized"].dtype == np.int8
    assert np.abs(tensors["second_quantized"].astype(int)).max() <= 64
    assert tensors["second_scale"].shape == (8,)
    assert tensors["first"].dtype == tensors["vit.head.weight"].dtype == np.float32


def test_to_fp16__keeps_inputs_and_outputs_in_float32():
    model = to_fp16(_network())
    onnx.checker.check_model(model, full_check=True)
    kinds = [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)]
    assert kinds == [TensorProto.FLOAT, TensorProto.FLOAT]
    assert {tensor.data_type for tensor in model.graph.initializer} == {TensorProto.FLOAT16}
