"""Map device names to torch devices and ONNX Runtime providers, or refuse them with the reason."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fercli.errors import DeviceError, UsageError
from fercli.formatting import pluralize
from fercli.system.cache import engine_folder

if TYPE_CHECKING:
    import torch

CUDA_PROVIDER, CPU_PROVIDER = "CUDAExecutionProvider", "CPUExecutionProvider"
TENSORRT_PROVIDER = "TensorrtExecutionProvider"
Provider = str | tuple[str, dict[str, int | str]]

_NO_GPU = "no NVIDIA driver was found on this machine"
_FIX = "--device cpu, or run `fer doctor` to see what is missing"


@lru_cache(maxsize=1)
def cuda_device_count() -> int:
    """Return the number of CUDA devices the driver reports; 0 without a driver. Loads the driver's library, not torch."""
    import ctypes

    library = {"win32": "nvcuda.dll", "darwin": None}.get(sys.platform, "libcuda.so.1")
    if library is None:
        return 0
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def check_name(name: str) -> str:
    """Return `name` if it is auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N; UsageError otherwise."""
    if not re.fullmatch(r"auto|cpu|(cuda|tensorrt)(:\d+)?", name):
        raise UsageError(f"unknown device {name!r}", fix="devices: auto, cpu, cuda, cuda:0, cuda:1, ..., tensorrt")
    return name


def cuda_index(name: str) -> int:
    """Return the N of cuda:N or tensorrt:N, 0 without one; DeviceError if the driver has no such device."""
    index = int(name.partition(":")[2] or 0)
    count = cuda_device_count()
    if index >= count:
        reason = _NO_GPU if count == 0 else f"the driver reports {pluralize(count, 'device')}, counted from 0"
        raise DeviceError(f"device {name} was requested, but {reason}", fix=_FIX)
    return index


def torch_name(name: str) -> str:
    """Return torch's name of the device that ONNX Runtime calls `name`: cuda:N for tensorrt:N, else `name`."""
    return check_name(name).replace("tensorrt", "cuda")


def resolve_device(name: str) -> torch.device:
    """Turn auto, cpu, cuda or cuda:N into an existing torch device; auto is the first GPU, else the CPU."""
    import torch

    check_name(name)
    limit_threads()
    if name.startswith("tensorrt"):
        raise UsageError(f"torch does not run on {name}", fix="--engine onnx with an exported file, or --device cuda")
    usable = torch.cuda.is_available()
    if name == "cpu" or (name == "auto" and not usable):
        return torch.device("cpu")
    index = 0 if name == "auto" else cuda_index(name)
    if not usable:
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for the CPU only"
        raise DeviceError(
            f"device {name} was requested, but this torch ({torch.__version__}, {built}) cannot use it", fix=_FIX
        )
    return torch.device("cuda", index)


def limit_threads() -> None:
    """Let every library that computes use FER_THREADS threads, if that is set: those loaded, and those loaded later.

    Libraries that count by OpenMP (torch, NumPy's BLAS) read their variable once; torch and OpenCV are also told.
    """
    if not _is_count(os.environ.get("FER_THREADS", "")):
        return
    threads = cpu_threads()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    if "torch" in sys.modules and sys.modules["torch"].get_num_threads() != threads:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


def disable_telemetry() -> None:
    """Turn off the telemetry of ONNX Runtime for this process and those it starts; a value that the user has set stays.

    Since 1.29 it writes a device id and a database below the user's cache when it is imported, and sends usage data later.
    It reads the variable when it is imported, and only then.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def onnx_runtime(module: str = "onnxruntime") -> Any:
    """Import ONNX Runtime, or a module of it, without telemetry. Nothing else in this package imports it."""
    disable_telemetry()
    return importlib.import_module(module)


def providers(
    name: str, *, fp16: bool = False, engine_shapes: Mapping[str, str] = MappingProxyType({})
) -> list[Provider]:
    """Return ONNX Runtime's providers for a device name, preferred first; DeviceError if the device is not available.

    auto is the first GPU with CUDA, else the CPU; TensorRT, which takes minutes to build an engine, must be named.
    fp16: the file computes in float16. TensorRT may then use float16, and CUDA keeps TF32 for what is left in float32.
    engine_shapes: TensorRT's options for the range of input shapes.
    """
    check_name(name)
    onnxruntime = onnx_runtime()
    built = onnxruntime.get_available_providers()
    if name == "cpu" or (name == "auto" and not (CUDA_PROVIDER in built and cuda_device_count())):
        return [CPU_PROVIDER]
    index = 0 if name == "auto" else cuda_index(name)
    preferred = TENSORRT_PROVIDER if name.startswith("tensorrt") else CUDA_PROVIDER
    if preferred not in built:
        build = "without TensorRT" if CUDA_PROVIDER in built else "for the CPU only"
        raise DeviceError(
            f"device {name} was requested, but this onnxruntime {onnxruntime.__version__} is built {build}",
            fix="pip uninstall -y onnxruntime && pip install onnxruntime-gpu",
        )
    # HEURISTIC does not try every convolution algorithm for every input shape; without TF32, float32 is full float32
    cuda: Provider = (
        CUDA_PROVIDER,
        {"device_id": index, "cudnn_conv_algo_search": "HEURISTIC", "use_tf32": int(fp16)},
    )
    if preferred == CUDA_PROVIDER:
        return [cuda, CPU_PROVIDER]
    cache = engine_folder()
    engines: dict[str, int | str] = {
        "device_id": index,
        "trt_engine_cache_enable": 1,
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": 1,
        "trt_timing_cache_path": str(cache),
        "trt_fp16_enable": int(fp16),
        **engine_shapes,
    }
    return [(TENSORRT_PROVIDER, engines), cuda, CPU_PROVIDER]


def process_rank() -> tuple[int, int, int] | None:
    """Return (rank, world size, local rank) if torchrun started this process as one of several; else None."""
    try:
        rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    except (KeyError, ValueError):
        return None
    return (rank, size, local) if size > 1 else None


def cpu_threads() -> int:
    """Return the number of threads for computing: FER_THREADS, else OMP_NUM_THREADS, else the cores of this process."""
    for variable in ("FER_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(variable, "")
        if _is_count(text):
            return int(text)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_count(text: str) -> bool:
    return text.isdigit() and int(text) > 0
