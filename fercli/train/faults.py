"""What a machine does to a run (a full disk, memory that is too small, a loss that is no number) as mistakes with a way out."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from fercli.errors import RefusedError
from fercli.train.optimisation_step import NotFiniteError
from fercli.weights.run_folder import RunFolder

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# how torch and safetensors, which report no error number, say that a file could not be written
_WRITE_FAILED = ("No space left on device", "Disk quota exceeded", "File too large", "failed writing file")
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """RefusedError where a file of the run cannot be written for want of space; what was there before stays."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _full(folder) from error
    except Exception as error:
        if not any(words in str(error) for words in _WRITE_FAILED):
            raise
        raise _full(folder) from error


def _full(folder: Path) -> RefusedError:
    return RefusedError(
        f"the disk of {folder} is full; the last checkpoint there is intact",
        fix="free some space, then the same command with --resume",
    )


@contextmanager
def little_memory_told(where: str, *, folder: RunFolder, batch: int, accumulate: int) -> Iterator[None]:
    """RefusedError where more memory is needed than there is. where: which step or which scoring, for people."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError, as is the CPU's
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and not any(
            words in str(error) for words in _NO_MEMORY
        ):
            raise
        raise RefusedError(
            f"{where}: out of memory with {batch} images a step in {_parts(accumulate)}; {_kept(folder)}",
            fix=f"--set accumulate={2 * accumulate} halves the memory (CBA then sees a part at a time), --set amp=bf16 "
            f"on a GPU, or --set batch_size=... smaller, in a new run{_start(folder)}",
        ) from error


@contextmanager
def not_finite_told(where: str, *, folder: RunFolder) -> Iterator[None]:
    """RefusedError where a step came upon a number that is none. where: which step, for people."""
    try:
        yield
    except NotFiniteError as error:
        raise RefusedError(
            f"{where}: {error}; {_kept(folder)}",
            fix="--set lr=... or sam.rho=... lower, --set amp=off (or bf16 in place of fp16), or --set grad_clip=1, "
            f"in a new run{_start(folder)}",
        ) from error


def _parts(accumulate: int) -> str:
    return f"{accumulate} parts" if accumulate > 1 else "one part"


def _kept(folder: RunFolder) -> str:
    return f"{folder.checkpoint} is intact" if folder.checkpoint.is_file() else "nothing had been saved yet"


def _start(folder: RunFolder) -> str:
    """A hint at the last finished epoch's weights, where there are any."""
    last = folder.weights("last")
    return f"; {last} can start it (--init-from)" if last.is_file() else ""
