"""Checkpoints of a training run: written in one step, read without running code."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from fercli.errors import WeightsError
from fercli.system.files import replacing

# raised by torch for broken and for malicious files
_BROKEN = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, LookupError),
    *(TypeError, AttributeError, ArithmeticError, MemoryError, ImportError, AssertionError),
)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values; the old checkpoint stays until the new one is complete."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            raise _cause(error) from None


def _cause(error: BaseException) -> BaseException:
    """Return the full disk, or Ctrl-C, that broke off torch's writer, which then complains about the incomplete file."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError | KeyboardInterrupt):
            return cause
        cause = cause.__context__
    return error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, on the CPU; WeightsError if it is missing or anything else."""
    if not path.is_file():
        raise WeightsError(f"there is no checkpoint {path}", fix="start without --resume")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other versions of pickle, whose contents are refused
            state = torch.load(path, map_location="cpu", weights_only=True)
    except _BROKEN as error:
        raise WeightsError(
            f"{path} is damaged, or contains more than tensors and plain values", fix="--overwrite starts the run again"
        ) from error
    if not isinstance(state, dict) or "model" not in state:
        raise WeightsError(f"{path} is not a checkpoint of fer train", fix="start without --resume")
    return state
