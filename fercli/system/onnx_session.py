"""Open ONNX files in ONNX Runtime on the requested device. Never imports torch."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
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
    limit_threads,
    onnx_runtime,
    providers,
)
from fercli.system.memory import release_unused_memory
from fercli.system.model_digest import check_digest
from fercli.system.packages import install_command
from fercli.system.protobuf import layout

if TYPE_CHECKING:
    import onnxruntime

_NO_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate memory", "cannot allocate memory", "pthread_create")
_MEMORY_BYTES = 4 << 30  # of networks that are not shipped; hundreds of times that of the shipped one
LOAD_LIMIT_S = 60.0  # to load a network that is not shipped; the shipped one takes a tenth of a second
_LOADING = "load network"  # name of the thread that loads such a network
_FOLDED_BYTES, _FOLDED_TIMES = 16_000_000, 8  # of a constant computed while loading: always allowed, and times the file
_ENOUGH_BYTES = 256_000_000  # of memory for any file that is small itself
_ERRORS_ONLY, _FATAL_ONLY = 3, 4  # ONNX Runtime's log severities
_FUNCTIONS = 25  # field number of ModelProto
_DEVICES = {CUDA_PROVIDER: "cuda", TENSORRT_PROVIDER: "tensorrt"}


def open_session(
    path: Path, device: str = "auto", *, threads: int | None = None, batches: Sequence[int] = (), limited: bool = False
) -> tuple[onnxruntime.InferenceSession, str]:
    """Open an ONNX file; returns the session and the device it runs on ("cpu", "cuda:0", "tensorrt:0").

    threads: CPU threads of one run; None is `cpu_threads()`. batches: sorted batch sizes that will run, for which TensorRT
    builds one engine; without them it builds another one whenever a batch is outside the range it has seen. limited: on
    the CPU, let the networks of all such sessions together take at most 4 GiB, and loading LOAD_LIMIT_S seconds.
    Raises: WeightsError for a missing, broken or changed file and for one with functions, DeviceError if a GPU was
    requested and is not available.
    Only `auto` may fall back to the CPU, and then returns the name of the CPU provider.
    """
    limit_threads()
    onnxruntime = onnx_runtime()
    check_file(path)
    check_digest(path)
    _refuse_functions(path)
    preferred = providers(device)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY  # errors are raised, and need not be printed as well
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or cpu_threads()
    # threads that wait for work would otherwise spin, and take the cores from decoding and from other programs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if limited:
        _register_limited_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        largest = max(_FOLDED_BYTES, _FOLDED_TIMES * path.stat().st_size)  # larger ones are computed in each run
        options.add_session_config_entry("optimization.constant_folding_max_output_size_in_bytes", str(largest))
    on_cpu = _on_cpu_in_time(path, options) if limited else _on_cpu(path, options)
    if preferred == [CPU_PROVIDER]:
        return on_cpu, "cpu"
    fp16 = session_metadata(on_cpu).get("precision") == "fp16"
    if preferred[0][0] == TENSORRT_PROVIDER:
        if not fp16:
            os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # its libraries read this when they are loaded
        engine_folder().mkdir(parents=True, exist_ok=True)
    preferred = providers(device, fp16=fp16, engine_shapes=engine_shapes(on_cpu.get_inputs(), batches))
    log = io.StringIO()
    options.log_severity_level = _ERRORS_ONLY  # the libraries that a provider misses are in the log only
    try:
        with contextlib.redirect_stdout(log):  # ONNX Runtime prints which libraries it does not find
            onnxruntime.preload_dlls()
            session = onnxruntime.InferenceSession(path, options, providers=preferred, enable_fallback=0)
    except Exception as error:
        if not _is_provider_error(error):
            raise
        session = _on_cpu(path, options)  # raises WeightsError if the file is the cause
        if device != "auto":
            raise _failure(device, "does not start", error) from error
    running = session.get_providers()[0]
    if running != preferred[0][0] and device != "auto":
        raise _refusal(device, preferred[0][0], running, log.getvalue())
    kind = _DEVICES.get(running)
    return session, f"{kind}:{0 if device == 'auto' else cuda_index(device)}" if kind else "cpu"


@functools.cache
def _register_limited_memory() -> None:
    """Let ONNX Runtime have a CPU allocator with a limit, for the sessions that ask for it."""
    onnxruntime = onnx_runtime()
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    limit = onnxruntime.OrtArenaCfg({"max_mem": _MEMORY_BYTES, "arena_extend_strategy": 1})  # no more than is asked for
    onnxruntime.create_and_register_allocator(memory, limit)


def _on_cpu_in_time(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """Open a session as `_on_cpu` does, in at most LOAD_LIMIT_S seconds: a file may have constants that take hours to compute.

    ONNX Runtime looks seldom whether to stop, so a thread loads the file, and goes on if it takes too long.
    """
    outcome: list[onnxruntime.InferenceSession | Exception] = []

    def load() -> None:
        try:
            outcome.append(_on_cpu(path, options))
        except Exception as error:  # noqa: BLE001 - raised below
            outcome.append(error)

    thread = Thread(target=load, name=_LOADING, daemon=True)
    thread.start()
    thread.join(LOAD_LIMIT_S)
    if not outcome:
        options.set_load_cancellation_flag(True)
        raise WeightsError(f"{path}: loading takes more than {LOAD_LIMIT_S:.0f} seconds", fix="fer export --onnx")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _on_cpu(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """Open a session on the CPU; WeightsError for a file that ONNX Runtime cannot run."""
    try:
        session = onnx_runtime().InferenceSession(path, options, providers=[CPU_PROVIDER])
    except Exception as error:
        if any(words in str(error).lower() for words in _NO_MEMORY):
            if not _has_memory(max(_ENOUGH_BYTES, 8 * path.stat().st_size)):
                raise MemoryError(f"loading {path}") from error
            raise WeightsError(
                f"{path} asks for more memory than there is: its tensors claim sizes far beyond that of the file",
                fix="fer export --onnx",
            ) from error
        if not is_runtime_error(error):
            raise
        with path.open("rb"):
            pass  # too many open files, and a file without permission, are not faults of its content
        raise WeightsError(
            f"{path} is not an ONNX file that ONNX Runtime can run ({first_line(str(error))})", fix="fer export --onnx"
        ) from error
    release_unused_memory()  # loading takes several times the size of the file
    return session


def _has_memory(size: int) -> bool:
    """Whether the system and its limits grant this many bytes."""
    try:
        np.empty(size, np.uint8)
    except MemoryError:
        return False
    return True


def _is_provider_error(error: Exception) -> bool:
    """Whether ONNX Runtime or one of its providers raised an error (there is no public base class; some are built in)."""
    return is_runtime_error(error) or isinstance(error, (RuntimeError, ValueError))


def is_runtime_error(error: Exception) -> bool:
    """Whether ONNX Runtime raised an error."""
    return type(error).__module__.startswith("onnxruntime")


def _failure(device: str, what: str, error: Exception) -> DeviceError:
    """The error for a requested GPU that exists but does not work."""
    return DeviceError(
        f"device {device} was requested, but {what} ({first_line(str(error))})",
        fix="another --device, or run `fer doctor` to see what is missing",
    )


def runs(device: str, run_once: Callable[[], object], *, first: str) -> bool:
    """Whether an opened GPU session really computes: run it once before there is work.

    False if `auto` should use the CPU instead. first: the input, for the message.
    Raises: DeviceError if the GPU was requested by name and fails. Errors that no provider raised pass through.
    """
    try:
        run_once()
    except Exception as error:
        if not _is_provider_error(error):
            raise
        if device != "auto":
            raise _failure(device, f"fails at the first {first}", error) from error
        return False
    return True


def _refusal(device: str, preferred: str, running: str, log: str) -> DeviceError:
    """The error for a GPU provider that did not start, with the libraries that are missing."""
    onnxruntime = onnx_runtime()
    detail = f" ({first_line(log)})" if log.strip() else ""
    if preferred == TENSORRT_PROVIDER and running == CUDA_PROVIDER:
        return DeviceError(
            f"device {device} was requested, but ONNX Runtime chose {running}: TensorRT's libraries do not load{detail}",
            fix=f"pip install tensorrt-cu{onnxruntime.cuda_version.partition('.')[0]}, its folder in LD_LIBRARY_PATH, or "
            f"--device {device.replace('tensorrt', 'cuda')}",
        )
    return DeviceError(
        f"device {device} was requested, but ONNX Runtime chose {running}: CUDA or cuDNN libraries do not load{detail}",
        fix=f"{install_command('gpu')} for CUDA {onnxruntime.cuda_version}, or --device cpu",
    )


def run_bound(
    session: onnxruntime.InferenceSession,
    inputs: Mapping[str, NDArray[Any]],
    output: str,
    options: onnxruntime.RunOptions | None = None,
) -> NDArray[np.float32]:
    """Run a session with bound inputs and output, so that only the copies to and from the device are made.

    Optional inputs cannot be bound (ONNX Runtime 1.31): with one, the session runs without binding.
    """
    if not inputs.keys() <= {value.name for value in session.get_inputs()}:
        return np.asarray(session.run([output], dict(inputs), options)[0], np.float32)
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_cpu_input(name, array)
    binding.bind_output(output)
    session.run_with_iobinding(binding, options)
    result: NDArray[np.float32] = binding.get_outputs()[0].numpy()
    return result


def padded_size(count: int, sizes: Sequence[int]) -> int:
    """Return the smallest of the sorted `sizes` that `count` inputs fit in.

    GPU providers build a new plan for every input shape, so batches of few sizes run faster than batches of any size.
    """
    return next(size for size in sizes if size >= count)


def padded_batch(batch: NDArray[Any], sizes: Sequence[int]) -> NDArray[Any]:
    """Append zeros along the first axis up to `padded_size`."""
    missing = padded_size(len(batch), sizes) - len(batch)
    return np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)]) if missing else batch


def engine_shapes(inputs: Sequence[Any], batches: Sequence[int]) -> dict[str, str]:
    """Return the options of TensorRT for an engine that serves every batch size from the first to the last, best at the middle one.

    inputs: of a session (`name`, `shape`). Empty without batch sizes, or if more than the batch size varies.
    """
    if not batches or not all(all(isinstance(side, int) for side in tensor.shape[1:]) for tensor in inputs):
        return {}
    sizes = {"min": batches[0], "opt": batches[len(batches) // 2], "max": batches[-1]}
    return {
        f"trt_profile_{name}_shapes": ",".join(
            f"{tensor.name}:{'x'.join(map(str, (size, *tensor.shape[1:])))}" for tensor in inputs
        )
        for name, size in sizes.items()
    }


def session_metadata(session: onnxruntime.InferenceSession) -> Mapping[str, str]:
    """Return the metadata_props of an open session's file. Raises: WeightsError if they are not text."""
    try:
        metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise WeightsError("the metadata of the ONNX file are not UTF-8", fix="fer export --onnx") from error
    return metadata


def optional_inputs(session: onnxruntime.InferenceSession) -> list[str]:
    """Return the names of the inputs that have a default value."""
    return [value.name for value in session.get_overridable_initializers()]


def check_file(path: Path) -> None:
    """Raise WeightsError if there is no such file."""
    if not path.is_file():
        raise WeightsError(f"there is no ONNX file {path}", fix="fer export --onnx writes one")


def _refuse_functions(path: Path) -> None:
    """Raise WeightsError for a file with functions of its own: 40 that call each other twice are 2 ** 40 nodes when loaded.

    `fer export` writes none. A file that is not a protobuf message is left to ONNX Runtime.
    """
    try:
        with path.open("rb") as file:
            has_functions = any(field.number == _FUNCTIONS for field in layout(file))
    except ValueError:
        return
    if has_functions:
        raise WeightsError(
            f"{path} has ONNX functions, which may expand without limit",
            fix="expand them with onnx.inliner.inline_local_functions, or write the file with fer export --onnx",
        )


def first_line(text: str) -> str:
    """Return the first line of a message of ONNX Runtime."""
    return next(iter(text.strip().splitlines()), "no reason was given")
