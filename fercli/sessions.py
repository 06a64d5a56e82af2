"""An ONNX file in, a session on the device that was asked for out, and the metadata it carries. Never imports torch."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fercli.devices import CUDA_PROVIDER, TENSORRT_PROVIDER, cpu_threads, cuda_index, engine_cache, providers
from fercli.errors import DeviceError, WeightsError

if TYPE_CHECKING:
    import onnxruntime

_ERRORS_ONLY = 3  # ONNX Runtime's log severity
_DEVICES = {CUDA_PROVIDER: "cuda", TENSORRT_PROVIDER: "tensorrt"}


def open_session(
    path: Path, device: str = "auto", *, threads: int | None = None
) -> tuple[onnxruntime.InferenceSession, str]:
    """Open an ONNX file; returns the session and the device that really runs it ("cpu", "cuda:0", "tensorrt:0").

    threads: of the CPU inside one run; None is `cpu_threads()`.
    Raises: WeightsError for a missing or broken file, DeviceError if a GPU was asked for and cannot be had.
    Only `auto` may end up on the CPU, and the returned name says so.
    """
    import onnxruntime

    check_file(path)
    wanted = providers(device)
    noise = io.StringIO()
    if isinstance(wanted[0], tuple):
        with contextlib.redirect_stdout(noise):  # it prints the libraries it does not find
            onnxruntime.preload_dlls()
        if wanted[0][0] == TENSORRT_PROVIDER:
            engine_cache().mkdir(parents=True, exist_ok=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or cpu_threads()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=wanted)
    except Exception as error:  # ONNX Runtime's errors have no public base class
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise WeightsError(
            f"{path} is not an ONNX file that ONNX Runtime can run ({_first_line(error)})", fix="fer export --onnx"
        ) from error
    running = session.get_providers()[0]
    if isinstance(wanted[0], tuple) and running != wanted[0][0] and device != "auto":
        raise _refusal(device, wanted[0][0], running, noise.getvalue())
    kind = _DEVICES.get(running)
    return session, f"{kind}:{0 if device == 'auto' else cuda_index(device)}" if kind else "cpu"


def _refusal(device: str, wanted: str, running: str, noise: str) -> DeviceError:
    """What is missing when a GPU's provider did not start, and how to get it."""
    import onnxruntime

    reason = noise.strip().splitlines()
    told = f" ({reason[0]})" if reason else ""
    if wanted == TENSORRT_PROVIDER and running == CUDA_PROVIDER:
        return DeviceError(
            f"device {device} was asked for, but ONNX Runtime chose {running}: TensorRT's libraries do not load{told}",
            fix=f"pip install tensorrt-cu{onnxruntime.cuda_version.partition('.')[0]}, its folder in LD_LIBRARY_PATH, or "
            f"--device {device.replace('tensorrt', 'cuda')}",
        )
    return DeviceError(
        f"device {device} was asked for, but ONNX Runtime chose {running}: CUDA or cuDNN libraries do not load{told}",
        fix=f"pip install 'onnxruntime-gpu[cuda,cudnn]' for CUDA {onnxruntime.cuda_version}, or --device cpu",
    )


def run_bound(
    session: onnxruntime.InferenceSession, given: Mapping[str, NDArray[Any]], output: str
) -> NDArray[np.float32]:
    """Run a session with input and output bound: no copies beside those to and from the device. Returns one output."""
    binding = session.io_binding()
    for name, array in given.items():
        binding.bind_cpu_input(name, array)
    binding.bind_output(output)
    session.run_with_iobinding(binding)
    answer: NDArray[np.float32] = binding.get_outputs()[0].numpy()
    return answer


def session_metadata(session: onnxruntime.InferenceSession) -> Mapping[str, str]:
    """The file's metadata_props, from an open session."""
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return metadata


def check_file(path: Path) -> None:
    """WeightsError if there is no such file."""
    if not path.is_file():
        raise WeightsError(f"there is no ONNX file {path}", fix="fer export --onnx writes one")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
