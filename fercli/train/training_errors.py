"""Errors of the machine or of the numbers in training, as user errors that explain how to continue."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from fercli.config.training import TrainConfig
from fercli.errors import RefusedError
from fercli.train.optimisation_step import NotFiniteError
from fercli.weights.run_folder import RunFolder

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# messages of torch and safetensors, which give no error number, for a file that could not be written
_WRITE_FAILED = ("No space left on device", "Disk quota exceeded", "File too large", "failed writing file")
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Raise RefusedError if a file of the run cannot be written because the disk is full; earlier files stay."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise _full_disk(folder, error.filename) from error
    except Exception as error:
        if not any(words in str(error) for words in _WRITE_FAILED):
            raise
        raise _full_disk(folder) from error


@contextmanager
def explain_failed_step(action: str, *, folder: RunFolder, recipe: TrainConfig) -> Iterator[None]:
    """Raise RefusedError if memory runs out or a number is not finite. action: what was being done, for the message."""
    try:
        yield
    except NotFiniteError as error:
        raise RefusedError(
            f"{action}: {error}; {_checkpoint_state(folder)}",
            fix="--set lr=... or sam.rho=... lower, --set amp=off (or bf16 instead of fp16), or --set grad_clip=1, "
            f"in a new run{_starting_weights_hint(folder)}",
        ) from error
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError, as is the CPU's
        if not _is_out_of_memory(error):
            raise
        parts = f"{recipe.accumulate} parts" if recipe.accumulate > 1 else "one part"
        raise RefusedError(
            f"{action}: out of memory with {recipe.batch_size} images a step in {parts}; {_checkpoint_state(folder)}",
            fix=f"--set accumulate={2 * recipe.accumulate} halves the memory (CBA then sees a part at a time), "
            "--set amp=bf16 on a GPU, or --set batch_size=... smaller, "
            f"in a new run{_starting_weights_hint(folder)}",
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in _OUT_OF_MEMORY)


def _full_disk(folder: Path, file: str | None = None) -> RefusedError:
    return RefusedError(
        f"{file}: the disk is full; the last checkpoint in {folder} is intact"
        if file is not None
        else f"the disk of {folder} is full; the last checkpoint there is intact",
        fix="free some space, then the same command with --resume",
    )


def _checkpoint_state(folder: RunFolder) -> str:
    return f"{folder.checkpoint} is intact" if folder.checkpoint.is_file() else "no checkpoint had been saved"


def _starting_weights_hint(folder: RunFolder) -> str:
    """Points to the last finished epoch's weights, if there are any."""
    last = folder.weights("last")
    return f"; start it from {last} (--init-from)" if last.is_file() else ""
