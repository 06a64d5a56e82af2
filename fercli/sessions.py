"""An ONNX file in, a session on the device that was asked for out, and the metadata it carries. Never imports torch."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fercli.devices import CUDA_PROVIDER, cpu_threads, cuda_index, providers
from fercli.errors import DeviceError, WeightsError

if TYPE_CHECKING:
    import onnxruntime

_ERRORS_ONLY = 3  # ONNX Runtime's log severity


def open_session(
    path: Path, device: str = "auto", *, threads: int | None = None
) -> tuple[onnxruntime.InferenceSession, str]:
    """Open an ONNX file; returns the session and the device that really runs it ("cpu", "cuda:0").

    threads: of the CPU inside one run; None is `cpu_threads()`.
    Raises: WeightsError for a missing or broken file, DeviceError if cuda was asked for and cannot be had.
    Only `auto` may end up on the CPU, and the returned name says so.
    """
    import onnxruntime

    check_file(path)
    wanted = providers(device)
    noise = io.StringIO()
    if isinstance(wanted[0], tuple):
        with contextlib.redirect_stdout(noise):  # it prints the libraries it does not find
            onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
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
    if isinstance(wanted[0], tuple) and running != CUDA_PROVIDER and device != "auto":
        reason = noise.getvalue().strip().splitlines()
        raise DeviceError(
            f"device {device} was asked for, but ONNX Runtime chose {running}: CUDA or cuDNN libraries do not load"
            + (f" ({reason[0]})" if reason else ""),
            fix=f"pip install 'onnxruntime-gpu[cuda,cudnn]' for CUDA {onnxruntime.cuda_version}, or --device cpu",
        )
    if running != CUDA_PROVIDER:
        return session, "cpu"
    return session, f"cuda:{0 if device == 'auto' else cuda_index(device)}"


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
