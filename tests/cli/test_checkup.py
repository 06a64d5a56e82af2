import importlib
from importlib import metadata

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fercli.cli import checkup as step
from fercli.cli.checkup import check_installation
from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.weights import find
from fercli.weights.card import WeightsCard


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    for module in ("fercli.system.devices", "fercli.cli.checkup"):
        monkeypatch.setattr(f"{module}.cuda_device_count", lambda: 0)


@pytest.fixture
def default_model(tmp_path, monkeypatch):
    """A default model that answers with zeros."""
    card = WeightsCard(
        name="zeros",
        version="4",
        labels=("neutral", "anger"),
        schema="pair",
        crop=template("arcface"),
        model=model_preset("btn-tiny"),
        scores={"epoch": 8, "selection": "last", "selected_by": "nothing: the last epoch"},
    )
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0),
            helper.make_node("MatMul", ["means", "zeros"], ["logits"]),
        ],
        "zeros",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 48, 48])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
            onnx.numpy_helper.from_array(np.zeros((3, 2), np.float32), "zeros"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"card": card.to_json()})
    onnx.save(model, tmp_path / "fer-compact.onnx")
    monkeypatch.setattr(find, "weights_folders", lambda: (tmp_path,))
    return tmp_path / "fer-compact.onnx"


def test_check_installation__a_complete_installation_is_ready(default_model):
    checkup = check_installation()
    assert checkup.ready
    assert checkup.trial is not None
    assert (checkup.trial.model, checkup.trial.engine, checkup.trial.device) == ("zeros", "onnx", "cpu")
    assert [file.card for file in checkup.weights] == ["zeros 4: 2 classes (pair), epoch 8, last epoch (no selection)"]
    assert checkup.codecs["libx264"]
    assert None not in checkup.packages.values()
    assert checkup.machine.cores >= 1


def test_check_installation__without_weights_is_not_ready(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "weights_folders", lambda: (tmp_path,))
    checkup = check_installation()
    assert not checkup.ready
    assert any("no weights named fer-compact" in fault.problem and fault.blocking for fault in checkup.faults)


def test_check_installation__a_broken_weights_file_is_reported_with_the_rest(default_model):
    default_model.with_name("other.safetensors").write_bytes(b"broken")
    checkup = check_installation()
    assert checkup.ready
    assert any("other.safetensors" in fault.problem for fault in checkup.faults)


def test_check_installation__two_packages_of_one_module_are_a_conflict(default_model, monkeypatch):
    real = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: "1.0" if name.startswith(("onnxruntime", "opencv-python")) else real(name)
    )
    fixes = {fault.problem: fault.fix for fault in check_installation().faults}
    text = "onnxruntime-gpu and onnxruntime overwrite each other's files: both are the module onnxruntime"
    assert fixes[text] == "pip uninstall -y onnxruntime-gpu onnxruntime && pip install onnxruntime-gpu"
    assert any("opencv-python and opencv-python-headless overwrite" in fault for fault in fixes)


def test_check_installation__a_missing_system_library_is_named_with_the_way_to_get_it(default_model, monkeypatch):
    real = importlib.import_module

    def without_gl(name):
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
        return real(name)

    monkeypatch.setattr(step.importlib, "import_module", without_gl)
    faults = [fault for fault in check_installation().faults if "libGL.so.1" in fault.problem]
    assert len(faults) == 1
    assert faults[0].blocking
    assert "libgl1" in faults[0].fix


def test_check_installation__a_missing_package_is_named_with_its_command(default_model, monkeypatch):
    real_import, real_version = importlib.import_module, metadata.version

    def without_onnxscript(name):
        if name == "onnxscript":
            raise ModuleNotFoundError("No module named 'onnxscript'")
        return real_import(name)

    def version(name):
        if name == "onnxscript":
            raise metadata.PackageNotFoundError(name)
        return real_version(name)

    monkeypatch.setattr(step.importlib, "import_module", without_onnxscript)
    monkeypatch.setattr(metadata, "version", version)
    checkup = check_installation()
    assert checkup.ready
    fixes = [fault.fix for fault in checkup.faults if "onnxscript" in fault.problem]
    assert [fix.partition("install ")[2] for fix in fixes] == ['"fercli[train]"']


def test_check_installation__a_gpu_that_nothing_can_use_is_reported(default_model, monkeypatch):
    monkeypatch.setattr(step, "cuda_device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    checkup = check_installation()
    assert checkup.ready
    assert ["torch" in checkup.faults[0].problem, "onnxruntime" in checkup.faults[1].problem] == [True, True]
