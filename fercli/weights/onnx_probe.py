"""Run an opened ONNX file once with a blank face: whether its interface and the number of its classes are those of its card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import WeightsError
from fercli.system.devices import onnx_runtime
from fercli.system.onnx_session import first_line, is_runtime_error

LIMIT_S = 20.0  # a face takes milliseconds
_STOP_S = 10.0  # to wait for a run to stop; it looks between two operators
_FATAL_ONLY = 4  # ONNX Runtime's log severity: the error is raised here, not printed as well
_FIX = "fer export --onnx writes a valid file"


def probe(session: Any, inputs: Mapping[str, NDArray[Any]], output: str, classes: int, path: Path) -> None:
    """Check that one face gives `classes` finite numbers within LIMIT_S seconds.

    session: an onnxruntime.InferenceSession. Raises: WeightsError that says what is wrong with the file.
    """
    options = onnx_runtime().RunOptions()
    options.log_severity_level = _FATAL_ONLY
    outputs: list[Any] = []
    faults: list[Exception] = []

    def run() -> None:
        try:
            outputs.extend(session.run([output], dict(inputs), options))
        except Exception as error:  # noqa: BLE001 - whatever the file makes ONNX Runtime raise
            faults.append(error)

    thread = Thread(target=run, name="probe", daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    if thread.is_alive():
        options.terminate = True
        thread.join(_STOP_S)  # a thread that comes back while the interpreter ends would abort the process
        raise WeightsError(f"{path}: one face takes more than {LIMIT_S:.0f} seconds", fix=_FIX)
    if faults:
        raise WeightsError(
            f"{path} does not run as its card says ({first_line(str(faults[0]))})", fix=_FIX
        ) from faults[0]
    scores = np.asarray(outputs[0])
    if scores.dtype.kind != "f" or scores.shape != (1, classes):
        raise WeightsError(
            f"{path} returns {scores.dtype} {list(scores.shape)} for a face, its card has {classes} classes", fix=_FIX
        )
    check_finite(scores, str(path))


@contextmanager
def run_limits(path: Path, faces: int) -> Iterator[Any]:
    """Yield RunOptions that end a run after LIMIT_S seconds for each face; its errors become those of the file.

    A blank face may take another way through a network than the faces of a picture. Raises: WeightsError.
    """
    options = onnx_runtime().RunOptions()
    options.log_severity_level = _FATAL_ONLY
    timer = Timer(LIMIT_S * max(1, faces), setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield options
    except Exception as error:
        if not is_runtime_error(error) and not isinstance(error, RuntimeError):  # raised with bound inputs
            raise
        late = f"a face takes more than {LIMIT_S:.0f} seconds"
        reason = late if options.terminate else f"it does not run for every face ({first_line(str(error))})"
        raise WeightsError(f"{path}: {reason}", fix=_FIX) from error
    finally:
        timer.cancel()


def check_finite(logits: NDArray[Any], name: str) -> None:
    """Raise WeightsError if an output is not a finite number: it would be shown as a label."""
    if not np.isfinite(logits).all():
        raise WeightsError(
            f"{name}: the network's outputs are not finite numbers",
            fix="its weights are damaged: get or train them again",
        )
