"""An ONNX file in, a session on the device that was asked for out, and the metadata it carries. Never imports torch."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import DeviceError, WeightsError
from fercli.system.cache import engine_folder
from fercli.system.devices import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    TENSORRT_PROVIDER,
    cpu_threads,
    cuda_index,
    providers,
)

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
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or cpu_threads()
    if wanted == [CPU_PROVIDER]:
        return _on_cpu(path, options), "cpu"
    if wanted[0][0] == TENSORRT_PROVIDER:
        os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # its libraries read this when they are loaded
        engine_folder().mkdir(parents=True, exist_ok=True)
        wanted = providers(device, fp16=session_metadata(_on_cpu(path, options)).get("precision") == "fp16")
    noise = io.StringIO()
    try:
        with contextlib.redirect_stdout(noise):  # ONNX Runtime prints what it does not find
            onnxruntime.preload_dlls()
            session = onnxruntime.InferenceSession(path, options, providers=wanted, enable_fallback=0)
    except Exception as error:
        if not _is_providers(error):
            raise
        session = _on_cpu(path, options)  # which refuses the file if that is to blame
        if device != "auto":
            raise _failure(device, "does not start", error) from error
    running = session.get_providers()[0]
    if running != wanted[0][0] and device != "auto":
        raise _refusal(device, wanted[0][0], running, noise.getvalue())
    kind = _DEVICES.get(running)
    return session, f"{kind}:{0 if device == 'auto' else cuda_index(device)}" if kind else "cpu"


def _on_cpu(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """A session on the CPU; WeightsError for a file that cannot be run there either."""
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(path, options, providers=[CPU_PROVIDER])
    except Exception as error:
        if not _is_runtimes(error):
            raise
        raise WeightsError(
            f"{path} is not an ONNX file that ONNX Runtime can run ({_first_line(str(error))})", fix="fer export --onnx"
        ) from error


def _is_providers(error: Exception) -> bool:
    """Whether ONNX Runtime or a provider of it raised an error: there is no public base class, and some are built in."""
    return _is_runtimes(error) or isinstance(error, (RuntimeError, ValueError))


def _is_runtimes(error: Exception) -> bool:
    return type(error).__module__.startswith("onnxruntime")


def _failure(device: str, what: str, error: Exception) -> DeviceError:
    """What is said where a GPU that was asked for by name is there, but does not work."""
    return DeviceError(
        f"device {device} was asked for, but {what} ({_first_line(str(error))})",
        fix="another --device, or see `fer doctor` for what is missing",
    )


def computes(device: str, ask: Callable[[], object], *, first: str) -> bool:
    """Whether a GPU that was opened also answers: `ask` it once, before there is work.

    False where `auto` may take the CPU in its place. first: what it is given, for the message.
    Raises: DeviceError if it was asked for by name and fails; what is no fault of a provider stays as it is.
    """
    try:
        ask()
    except Exception as error:
        if not _is_providers(error):
            raise
        if device != "auto":
            raise _failure(device, f"fails at the first {first}", error) from error
        return False
    return True


def _refusal(device: str, wanted: str, running: str, noise: str) -> DeviceError:
    """What is missing when a GPU's provider did not start, and how to get it."""
    import onnxruntime

    told = f" ({_first_line(noise)})" if noise.strip() else ""
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


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "no reason was given")
