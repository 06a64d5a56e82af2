"""The interface that an exported file states in its metadata."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from fercli.errors import WeightsError
from fercli.weights.onnx_interface import interface_of, onnx_metadata


@pytest.mark.parametrize(
    ("metadata", "expected"), [({}, "images"), ({"interface": "crops"}, "crops"), ({"interface": "faces"}, "faces")]
)
def test_interface_of__is_images_for_files_without_the_entry(metadata: dict[str, str], expected: str):
    assert interface_of(metadata) == expected


def test_onnx_metadata__reads_without_a_session(tmp_path: Path):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    model = helper.make_model(helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [value]))
    helper.set_model_props(model, {"card": "{}", "interface": "faces"})
    onnx.save(model, tmp_path / "a.onnx")
    assert onnx_metadata(tmp_path / "a.onnx") == {"card": "{}", "interface": "faces"}


def test_onnx_metadata__refuses_what_is_no_onnx_file(tmp_path: Path):
    (tmp_path / "a.onnx").write_bytes(b"not a protobuf")
    with pytest.raises(WeightsError, match="not an ONNX file"):
        onnx_metadata(tmp_path / "a.onnx")
    with pytest.raises(WeightsError, match=r"none\.onnx"):
        onnx_metadata(tmp_path / "none.onnx")
