from pathlib import Path
from types import SimpleNamespace

import pytest

from fercli.bench import models
from fercli.bench.isolated import Measurement
from fercli.config.presets import model_preset
from fercli.errors import UsageError
from fercli.models.btn import BTN


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return models.random_weights("btn-tiny", tmp_path_factory.mktemp("weights"))


def test_random_weights__are_the_same_every_time(tiny, tmp_path):
    again = models.random_weights("btn-tiny", tmp_path)
    assert again.read_bytes() == tiny.read_bytes()


def test_count_operations__is_close_to_what_the_convolutions_of_the_trunk_need(tiny):
    # two operations a weight and place, over every convolution that has places; attention and products come on top
    import torch

    model = BTN(model_preset("btn-tiny"), 8, training_parts=False).eval()
    counted = []
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(
                lambda module, _, out: counted.append(2 * module.weight[0].numel() * out[0].numel())
            )
    with torch.inference_mode():
        model(torch.zeros(1, 3, 48, 48))
    assert 1.0 < models.count_operations(tiny) / sum(counted) < 1.6


@pytest.mark.parametrize("form", [models.BASELINE, models.TORCH])
def test_measure__times_a_format(tiny, monkeypatch, form):
    monkeypatch.setattr(models, "SECONDS", 0.01)
    result = models.measure_model(form, str(tiny), "cpu", 2)
    assert result["ms_per_face"] > 0
    assert result["device"] == "cpu"


def test_peak_gflops__is_plausible():
    assert 0.1 < models.peak_gflops() < 1e5


@pytest.mark.parametrize("device", ["cuda:0", "tensorrt:0"])
def test_peak_gflops__of_a_gpu_is_measured_there_to_the_end_of_the_product(monkeypatch, device):
    import torch
    from torch._subclasses import FakeTensorMode

    requested, made, waited = [], [], []
    rand = torch.rand
    monkeypatch.setattr(models, "resolve_device", lambda name: (requested.append(name), torch.device("cuda", 0))[1])
    monkeypatch.setattr(
        torch, "rand", lambda *size, device: (made.append((size, device.type)), rand(*size, device=device))[1]
    )
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    with FakeTensorMode():
        assert models.peak_gflops(device) > 0
    assert requested == ["cuda:0"]
    assert made == [((8192, 8192), "cuda")]
    assert len(waited) == 7  # the first, which loads kernels, and six that count


@pytest.mark.parametrize(
    ("device", "faces", "wanted"),
    [
        ("cpu", None, ("fp32",)),
        ("cpu", Path("faces"), ("fp32", "int8")),
        ("cuda:1", Path("faces"), ("fp32", "fp16")),
        ("tensorrt", None, ("fp32", "fp16")),
    ],
)
def test_default_precisions__depend_on_the_device(device, faces, wanted):
    assert models.default_precisions(device, faces=faces) == wanted


def test_bench_models__tensorrt_has_torch_beside_it_on_the_same_gpu(tiny, monkeypatch):
    scored = []

    def isolated(module, task):
        if task["name"] == "peak":
            return Measurement(50.0, None)
        return Measurement({"ms_per_face": 1.0, "device": task["device"]}, 100.0)

    def score(path, data, options):
        scored.append((path.suffix, options.device))
        return SimpleNamespace(score=SimpleNamespace(accuracy=0.75 if path.suffix == ".onnx" else 0.8))

    monkeypatch.setattr(models, "run_isolated", isolated)
    monkeypatch.setattr(models, "export", lambda weights, out, options: out.write_bytes(b"file"))
    monkeypatch.setattr(models, "evaluate", score)
    monkeypatch.setattr(models, "count_operations", lambda weights: 1e8)
    result = models.bench_models([str(tiny)], data="ferplus", batches=(1,), device="tensorrt:1", rounds=1)
    assert [(row.format, row.precision, row.device, row.accuracy) for row in result.rows] == [
        ("baseline in torch", "fp32", "cuda:1", None),
        ("torch", "fp32", "cuda:1", 0.8),
        ("ONNX Runtime", "fp32", "tensorrt:1", 0.75),
        ("ONNX Runtime", "fp16", "tensorrt:1", 0.75),
    ]
    assert scored == [(".safetensors", "cuda:1"), (".onnx", "tensorrt:1"), (".onnx", "tensorrt:1")]


def test_bench_models__rows_are_medians_and_shares_of_the_peak(tiny, monkeypatch, tmp_path):
    times = iter([10.0, 5.0, 2.0, 30.0, 5.0, 1.0, 20.0, 5.0, 3.0])

    def isolated(module, task):
        if task["name"] == "peak":
            return Measurement(50.0, None)
        return Measurement({"ms_per_face": next(times), "device": "cpu"}, 100.0)

    def export(weights, out, options):
        out.write_bytes(bytes(1_000_000))

    monkeypatch.setattr(models, "run_isolated", isolated)
    monkeypatch.setattr(models, "export", export)
    monkeypatch.setattr(models, "count_operations", lambda weights: 1e8)
    result = models.bench_models(["btn-tiny"], batches=(4,), rounds=3)
    assert [(row.format, row.ms_per_face, row.spread_ms) for row in result.rows] == [
        ("baseline in torch", 20.0, (10.0, 30.0)),
        ("torch", 5.0, (5.0, 5.0)),
        ("ONNX Runtime", 2.0, (1.0, 3.0)),
    ]
    last = result.rows[-1]
    assert last.times_reference == pytest.approx(10)
    assert (last.size_mb, last.accuracy, last.batch, last.peak_mb) == (1.0, None, 4, 100.0)
    # 1e8 operations in 2 ms are 50e9 a second, all that this machine can
    assert last.share == pytest.approx(1.0)
    assert last.faces_per_s == pytest.approx(500)


def test_bench_models__int8_needs_faces():
    with pytest.raises(UsageError, match="real face crops"):
        models.bench_models(["btn-tiny"], precisions=("int8",))


def test_bench_models__unknown_precisions_are_refused():
    with pytest.raises(UsageError, match="unknown precision"):
        models.bench_models(["btn-tiny"], precisions=("fp32", "int4"))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("form", [models.BASELINE, models.TORCH])
def test_measure__runs_on_the_device(tiny, monkeypatch, form, device):
    monkeypatch.setattr(models, "SECONDS", 0.0)
    measured = models.measure_model(form, str(tiny), device, 2)
    assert measured["device"].startswith(device)
    assert measured["ms_per_face"] > 0
