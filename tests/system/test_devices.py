import os
import subprocess
import sys

import pytest
from PIL import Image

from fercli.errors import DeviceError, UsageError
from fercli.system import devices


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 0)


def test_resolve_device__cpu_is_the_cpu():
    assert str(devices.resolve_device("cpu")) == "cpu"


def test_resolve_device__auto_is_cuda_exactly_where_torch_has_it():
    import torch

    assert devices.resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_resolve_device__cuda_without_a_gpu_is_refused(no_gpu):
    with pytest.raises(DeviceError, match="no NVIDIA driver") as caught:
        devices.resolve_device("cuda")
    assert "fer doctor" in (caught.value.fix or "")


def test_resolve_device__a_gpu_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 2)
    with pytest.raises(DeviceError, match="reports 2 devices"):
        devices.cuda_index("cuda:2")
    assert devices.cuda_index("cuda:1") == 1


def test_resolve_device__a_gpu_that_this_torch_cannot_use_is_named(monkeypatch):
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"this torch .* cannot use it"):
        devices.resolve_device("cuda:0")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "tensorrt:", ""])
def test_check_name__refuses_unknown_names(name):
    with pytest.raises(UsageError, match="unknown device"):
        devices.check_name(name)


def test_providers__cpu_and_auto_without_a_gpu_are_the_cpu(no_gpu):
    assert devices.providers("cpu") == ["CPUExecutionProvider"]
    assert devices.providers("auto") == ["CPUExecutionProvider"]


def test_providers__cuda_without_a_gpu_is_refused(no_gpu):
    with pytest.raises(DeviceError, match="no NVIDIA driver"):
        devices.providers("cuda")


def test_providers__cuda_with_a_cpu_build_names_the_package(monkeypatch):
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 1)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="built for the CPU only") as caught:
        devices.providers("cuda")
    assert "onnxruntime-gpu" in (caught.value.fix or "")


def test_providers__cuda_n_selects_that_device(monkeypatch):
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 2)
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    (name, options), other = devices.providers("cuda:1")
    assert (name, options["device_id"], other) == ("CUDAExecutionProvider", 1, "CPUExecutionProvider")
    assert options["use_tf32"] == 0  # float32 as torch computes it
    assert devices.providers("cuda:1", fp16=True)[0][1]["use_tf32"] == 1


def test_providers__tensorrt_comes_first_with_a_cache_and_cuda_behind_it(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 2)
    built = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: built)
    (name, options), (second, _), last = devices.providers("tensorrt:1")
    assert [name, second, last] == built
    assert options["device_id"] == 1
    assert options["trt_engine_cache_path"] == str(tmp_path / "tensorrt")
    assert options["trt_fp16_enable"] == 0
    assert devices.providers("tensorrt:1", fp16=True)[0][1]["trt_fp16_enable"] == 1
    assert devices.providers("auto")[0][0] == "CUDAExecutionProvider"


def test_providers__tensorrt_that_is_not_built_in_is_refused(monkeypatch):
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 1)
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    with pytest.raises(DeviceError, match="built without TensorRT"):
        devices.providers("tensorrt")


def test_resolve_device__torch_does_not_run_on_tensorrt():
    with pytest.raises(UsageError, match="torch does not run on tensorrt"):
        devices.resolve_device("tensorrt")


@pytest.mark.parametrize(
    ("name", "torch"), [("tensorrt", "cuda"), ("tensorrt:1", "cuda:1"), ("cuda:2", "cuda:2"), ("cpu", "cpu")]
)
def test_torch_name__is_the_same_gpu(name, torch):
    assert devices.torch_name(name) == torch


def test_cpu_threads__environment_comes_first(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("FER_THREADS", raising=False)
    assert devices.cpu_threads() == 3
    monkeypatch.setenv("FER_THREADS", "5")
    assert devices.cpu_threads() == 5


def test_cpu_threads__else_the_cores_of_this_process(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("FER_THREADS", raising=False)
    assert 1 <= devices.cpu_threads() <= (os.cpu_count() or 1)


@pytest.fixture
def restored_threads(monkeypatch):
    """Threads of torch and OpenCV as before; the variables that FER_THREADS sets are removed."""
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def test_fer_threads__is_the_number_of_threads_of_every_engine(monkeypatch, restored_threads):
    import cv2
    import torch

    for threads in (3, 2):
        monkeypatch.setenv("FER_THREADS", str(threads))
        devices.resolve_device("cpu")
        assert (torch.get_num_threads(), cv2.getNumThreads(), devices.cpu_threads()) == (threads, threads, threads)
        assert os.environ["OMP_NUM_THREADS"] == str(threads)
    monkeypatch.setenv("FER_THREADS", "many")
    torch.set_num_threads(4)
    devices.resolve_device("cpu")
    assert torch.get_num_threads() == 4, "a value that is not a number changes nothing"


@pytest.mark.slow
def test_fer_threads__holds_in_a_process_that_trains(tmp_path):
    code = (
        "import fercli.cli.main as main, torch, cv2, fercli.train.train as train\n"
        "train.build_components = lambda *a, **k: print('threads', torch.get_num_threads(), cv2.getNumThreads())\n"
        "main.main(['train', 'faces', '--from-scratch', '--model', 'btn-tiny'])"
    )
    for name in ("happiness", "sadness"):
        for split in ("train", "val"):
            for number in range(3):
                picture = tmp_path / "faces" / split / name / f"{number}.png"
                picture.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 8), (number, 0, 0)).save(picture)
    environment = {**os.environ, "FER_THREADS": "2", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "threads 2 2" in done.stdout, done.stderr
