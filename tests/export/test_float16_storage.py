import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from fercli.export.float16_storage import relative_change, store_as_float16

RANDOM = np.random.default_rng(0)


def _product(weight):
    """A graph that multiplies rows by `weight` [K, N]."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", weight.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", weight.shape[1]])],
        [numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_store_as_float16__computes_with_the_rounded_weights():
    weight = RANDOM.normal(size=(32, 16)).astype(np.float32)
    model = _product(weight)
    storage = store_as_float16(model)
    onnx.checker.check_model(model, full_check=True)
    assert (storage.tensors, storage.kept) == (1, ())
    assert [tensor.data_type for tensor in model.graph.initializer] == [TensorProto.FLOAT16]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    [product] = session.run(None, {"x": np.eye(32, dtype=np.float32)})
    np.testing.assert_array_equal(product, weight.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("weight", [1e5, 1e-8, 3e-6, np.nan])
def test_store_as_float16__a_tensor_that_overflows_or_vanishes_stays_float32(weight):
    # float16 ends at 65504; its steps near 0 are 6e-8
    tensor = RANDOM.normal(size=(32, 16)).astype(np.float32) * np.float32(weight)
    model = _product(tensor)
    storage = store_as_float16(model)
    assert (storage.tensors, storage.kept) == (0, ("w",))
    np.testing.assert_array_equal(numpy_helper.to_array(model.graph.initializer[0]), tensor)


def test_store_as_float16__small_tensors_stay_exact():
    model = _product(RANDOM.normal(size=(4, 4)).astype(np.float32))
    assert store_as_float16(model).tensors == 0


def test_relative_change__is_the_norm_of_the_rounding_over_the_norm():
    # between 1 and 2 float16 values are 2 ** -10 apart: 1 + 2 ** -12 becomes 1
    value = np.full((10,), 1 + 2**-12, np.float32)
    assert relative_change(value) == pytest.approx(2**-12 / (1 + 2**-12), rel=1e-6)
    assert relative_change(np.zeros(3, np.float32)) == 0
