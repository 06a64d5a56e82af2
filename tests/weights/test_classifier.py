import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.errors import DeviceError, UsageError, WeightsError
from fercli.models.btn import BTN
from fercli.system.onnx_session import open_session
from fercli.weights import classifier as inference
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import load_classifier, open_onnx
from fercli.weights.files import save_weights
from fercli.weights.preprocess import to_input

CARD = WeightsCard(
    name="test",
    version="1",
    labels=("neutral", "happiness", "anger"),
    schema="three",
    crop=template("arcface"),
    model=model_preset("btn-tiny"),
    temperature=2.0,
)


@pytest.fixture
def onnx_file(tmp_path):
    """A graph whose logits are the mean of each channel: enough to see what is fed to it."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["images", "axes"], ["logits"], keepdims=0)],
        "means",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 48, 48])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"card": CARD.to_json()})
    onnx.save(model, tmp_path / "means.onnx")
    return tmp_path / "means.onnx"


@pytest.fixture
def torch_file(tmp_path):
    torch.manual_seed(0)
    model = BTN(CARD.model, 3, training_parts=False)
    save_weights(tmp_path / "w.safetensors", model.state_dict(), CARD)
    return tmp_path / "w.safetensors"


def _crops(count):
    return np.random.default_rng(0).integers(0, 256, (count, 48, 48, 3), np.uint8)


def test_open_onnx__preprocesses_and_calibrates_by_the_card(onnx_file):
    classifier = load_classifier(onnx_file, device="cpu")
    crops = _crops(2)
    means = to_input(crops, CARD.model.input).mean(axis=(2, 3))
    np.testing.assert_allclose(classifier.logits(crops), means, atol=1e-5)
    raised = np.exp(means / 2.0)
    np.testing.assert_allclose(classifier.classify(crops), raised / raised.sum(axis=1, keepdims=True), atol=1e-5)


def test_open_onnx__batches_are_joined_in_order(onnx_file):
    classifier = open_onnx(onnx_file, device="cpu")
    in_batches = replace(classifier, batch_size=3)
    np.testing.assert_allclose(in_batches.logits(_crops(7)), classifier.logits(_crops(7)), atol=1e-6)


@pytest.mark.parametrize("kind", ["onnx_file", "torch_file"])
def test_classifier__no_faces_give_no_rows(kind, request):
    classifier = load_classifier(request.getfixturevalue(kind), device="cpu")
    assert classifier.classify(_crops(0)).shape == (0, 3)


def test_open_torch__logits_are_those_of_the_model(torch_file):
    classifier = load_classifier(torch_file, device="cpu")
    assert (classifier.engine, classifier.device, classifier.card) == ("torch", "cpu", CARD)
    crops = _crops(3)
    torch.manual_seed(0)
    model = BTN(CARD.model, 3, training_parts=False).eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(to_input(crops, CARD.model.input))).numpy()
    np.testing.assert_allclose(classifier.logits(crops), expected, atol=1e-6)


def test_load_classifier__missing_cuda_is_refused(onnx_file, monkeypatch):
    monkeypatch.setattr("fercli.system.devices.cuda_device_count", lambda: 0)
    with pytest.raises(DeviceError, match="no NVIDIA driver"):
        load_classifier(onnx_file, device="cuda")


def test_load_classifier__a_provider_that_does_not_start_is_refused_or_replaced_by_auto(onnx_file, monkeypatch):
    if torch.cuda.is_available():
        pytest.skip("the provider would start")
    monkeypatch.setattr("fercli.system.devices.cuda_device_count", lambda: 1)
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    with pytest.raises(DeviceError, match="ONNX Runtime chose CPUExecutionProvider"):
        load_classifier(onnx_file, device="cuda")
    assert load_classifier(onnx_file, device="auto").device == "cpu"


def test_load_classifier__tensorrt_that_does_not_start_names_the_missing_libraries(onnx_file, monkeypatch, tmp_path):
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    monkeypatch.setattr("fercli.system.devices.cuda_device_count", lambda: 1)
    built = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: built)
    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    monkeypatch.setattr(session, "get_providers", lambda: built[1:])
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: session)
    with pytest.raises(DeviceError, match="chose CUDAExecutionProvider: TensorRT's libraries do not load") as caught:
        load_classifier(onnx_file, device="tensorrt")
    assert "pip install tensorrt-cu" in (caught.value.fix or "")


GPU = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.fixture
def gpu(onnx_file, monkeypatch, tmp_path):
    """A pretended GPU: calls of InferenceSession, all answered by one on the CPU unless `gpu.fails` is an error to raise."""
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "unset")
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    monkeypatch.setattr("fercli.system.devices.cuda_device_count", lambda: 1)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: GPU)
    session_of = onnxruntime.InferenceSession
    made = SimpleNamespace(calls=[], fails=None)

    def make(path, options, *, providers, **others):
        made.calls.append((providers, others))
        session = session_of(path, options, providers=["CPUExecutionProvider"])
        if providers == ["CPUExecutionProvider"]:
            return session
        print("*************** EP Error ***************")  # noqa: T201 (as ONNX Runtime does)
        if made.fails is not None:
            raise made.fails
        names = [name if isinstance(name, str) else name[0] for name in providers]
        monkeypatch.setattr(session, "get_providers", lambda: names)
        return session

    monkeypatch.setattr("onnxruntime.InferenceSession", make)
    monkeypatch.setattr("onnxruntime.preload_dlls", lambda: None)
    return made


@pytest.mark.parametrize(("stated", "enabled"), [("fp16", 1), ("fp32", 0), (None, 0)])
def test_open_session__tensorrt_may_compute_in_halves_where_the_file_does(gpu, onnx_file, stated, enabled):
    if stated is not None:
        model = onnx.load(onnx_file)
        helper.set_model_props(model, {"card": CARD.to_json(), "precision": stated})
        onnx.save(model, onnx_file)
    assert open_session(onnx_file, "tensorrt")[1] == "tensorrt:0"
    providers, others = gpu.calls[-1]
    assert (providers[0][0], providers[0][1]["trt_fp16_enable"]) == (GPU[0], enabled)
    assert others == {"enable_fallback": 0}


def test_load_classifier__tensorrt_builds_one_engine_for_all_batch_sizes(gpu, onnx_file, monkeypatch):
    monkeypatch.setattr(
        inference, "run_bound", lambda session, given, output, options=None: session.run([output], dict(given))[0]
    )
    load_classifier(onnx_file, device="tensorrt")
    size = CARD.model.input.size
    options = next(providers for providers, _ in gpu.calls if len(providers) > 1)[0][1]
    assert options["trt_profile_min_shapes"] == f"images:1x3x{size}x{size}"
    assert options["trt_profile_opt_shapes"] == f"images:8x3x{size}x{size}"
    assert options["trt_profile_max_shapes"] == f"images:32x3x{size}x{size}"


@pytest.mark.parametrize(("device", "found"), [("tensorrt", "0"), ("cuda", None), ("cpu", None)])
def test_open_session__tensorrt_is_kept_from_tf32(gpu, onnx_file, device, found):
    open_session(onnx_file, device)
    assert os.environ.get("NVIDIA_TF32_OVERRIDE") == found


def test_open_session__keeps_the_users_setting_of_tf32(gpu, onnx_file, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    open_session(onnx_file, "tensorrt")
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "1"


@pytest.mark.parametrize("device", ["cuda:0", "tensorrt"])
@pytest.mark.parametrize("kind", [RuntimeError, ValueError, onnxruntime.capi.onnxruntime_pybind11_state.EPFail])
def test_open_session__a_gpu_that_does_not_start_is_refused_by_name_and_left_by_auto(
    gpu, onnx_file, capsys, device, kind
):
    gpu.fails = kind("CUDA failure 2: out of memory\nin a file of the runtime")
    with pytest.raises(DeviceError, match=rf"{device} .* does not start \(CUDA failure 2: out of memory\)"):
        open_session(onnx_file, device)
    assert open_session(onnx_file, "auto")[1] == "cpu"
    assert capsys.readouterr().out == ""  # which --json has for itself


def test_open_session__a_broken_file_is_no_fault_of_the_gpu(gpu, tmp_path):
    (tmp_path / "w.onnx").write_bytes(b"this is text, not a graph")
    with pytest.raises(WeightsError, match="not an ONNX file"):
        open_session(tmp_path / "w.onnx", "cuda")


def test_open_onnx__a_gpu_that_fails_at_the_first_faces_is_refused_or_replaced_by_auto(gpu, onnx_file, monkeypatch):
    def fail(session, given, output, options=None):
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(inference, "run_bound", fail)
    with pytest.raises(DeviceError, match=r"device cuda:0 .* fails at the first faces \(no kernel image"):
        load_classifier(onnx_file, device="cuda:0")
    assert load_classifier(onnx_file, device="auto").device == "cpu"


@pytest.mark.parametrize(
    ("device", "sizes", "later"),
    [("tensorrt:0", [1, 8, 32], [32, 32, 8]), ("cuda:0", [1, 8, 32], [32, 32, 8]), ("cpu", [], [16, 16, 16, 16, 6])],
)
def test_open_onnx__a_gpu_runs_batches_of_the_sizes_that_it_ran_first(onnx_file, monkeypatch, device, sizes, later):
    # CUDA builds a plan for every new shape, TensorRT an engine for one outside the range it has seen, which takes minutes
    seen = []
    opened, _ = inference.open_session(onnx_file, "cpu")

    def run_bound(session, given, output, options=None):
        seen.append(given["images"].shape[0])
        return session.run([output], dict(given))[0]

    monkeypatch.setattr(inference, "open_session", lambda path, asked, **_: (opened, device))
    monkeypatch.setattr(inference, "run_bound", run_bound)
    classifier = load_classifier(onnx_file, device=device)
    assert (classifier.device, seen) == (device, sizes)
    assert len(classifier.classify(_crops(70))) == 70
    assert seen[len(sizes) :] == later


@pytest.mark.parametrize(
    ("kind", "engine", "hint"),
    [("onnx_file", "torch", "engine torch runs"), ("torch_file", "onnx", "engine onnx runs")],
)
def test_load_classifier__an_engine_refuses_the_others_file(kind, engine, hint, request):
    with pytest.raises(UsageError, match=hint):
        load_classifier(request.getfixturevalue(kind), engine=engine)


def test_load_classifier__unknown_engines_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown engine"):
        load_classifier(None, engine="tensorflow")
    torch.save({}, tmp_path / "model.pth")
    with pytest.raises(WeightsError, match="checkpoint of another project"):
        load_classifier(tmp_path / "model.pth")


@pytest.mark.parametrize("content", [b"", b"this is text, not a graph"])
def test_load_classifier__a_broken_onnx_file_is_a_weights_error(tmp_path, content):
    (tmp_path / "w.onnx").write_bytes(content)
    with pytest.raises(WeightsError):
        load_classifier(tmp_path / "w.onnx", device="cpu")


def test_load_classifier__an_onnx_file_without_a_card_is_refused(onnx_file):
    model = onnx.load(onnx_file)
    del model.metadata_props[:]
    onnx.save(model, onnx_file)
    with pytest.raises(WeightsError, match="has no card"):
        load_classifier(onnx_file, device="cpu")


def test_open_torch__weights_of_another_model_are_refused(tmp_path):
    save_weights(tmp_path / "w.safetensors", {"x": torch.zeros(1)}, CARD)
    with pytest.raises(WeightsError, match="does not match the model"):
        load_classifier(tmp_path / "w.safetensors", device="cpu")


@pytest.mark.slow
def test_open_onnx__never_imports_torch(onnx_file):
    code = (
        "import sys, numpy; from fercli.weights.classifier import load_classifier;"
        f"load_classifier({str(onnx_file)!r}).classify(numpy.zeros((1, 48, 48, 3), 'uint8'));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_load_classifier__gives_the_logits_of_the_cpu_on_every_device(engine, device):
    classifier, expected = (load_classifier("fer-compact", engine, name) for name in (device, "cpu"))
    assert classifier.device.startswith(device)
    size = classifier.card.model.input.size
    crops = np.random.default_rng(0).integers(0, 256, (9, size, size, 3), np.uint8)
    np.testing.assert_allclose(classifier.logits(crops), expected.logits(crops), atol=2e-3)
    one_by_one = np.concatenate([classifier.logits(crop[None]) for crop in crops])
    np.testing.assert_allclose(classifier.logits(crops), one_by_one, atol=1e-3)
