"""Run an opened ONNX file once with a blank face: whether its interface, class count and answers are what its card says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import WeightsError
from fercli.system.devices import onnx_runtime

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
    answers: list[Any] = []
    faults: list[Exception] = []

    def run() -> None:
        try:
            answers.extend(session.run([output], dict(inputs), options))
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
        reason = next(iter(str(faults[0]).strip().splitlines()), type(faults[0]).__name__)
        raise WeightsError(f"{path} does not run as its card says ({reason})", fix=_FIX) from faults[0]
    scores = np.asarray(answers[0])
    if scores.dtype.kind != "f" or scores.shape != (1, classes):
        raise WeightsError(
            f"{path} returns {scores.dtype} {list(scores.shape)} for a face, its card has {classes} classes", fix=_FIX
        )
    check_finite(scores, str(path))


def check_finite(logits: NDArray[Any], name: str) -> None:
    """Raise WeightsError if an answer is not a finite number: it would be shown as a label."""
    if not np.isfinite(logits).all():
        raise WeightsError(
            f"{name}: the network's answers are not finite numbers",
            fix="its weights are damaged: get or train them again",
        )
