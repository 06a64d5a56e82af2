"""Every mistake a user can make, as an exception that says what, where and how to mend it, and the exit code it ends in."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What `fer` returns to the shell."""

    DONE = 0
    REFUSED = 1  # the work ran but its result was refused: export disagrees, --strict found failures, output exists
    USAGE = 2  # the command line does not make sense
    DATA = 3  # pictures, videos, data sets
    WEIGHTS = 4  # checkpoints, cards, ONNX files
    DEVICE = 5  # a device or execution provider that was asked for is not there
    INTERRUPTED = 130  # Ctrl-C


class FerError(Exception):
    """A mistake the user can mend: `message` says what and where, `fix` how. Survives pickling, so a worker can raise it."""

    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.fix))


def _rebuild(kind: type[FerError], message: str, fix: str) -> FerError:
    return kind(message, fix=fix)


class RefusedError(FerError):
    """A result that does not hold, or an output that is already there."""


class UsageError(FerError):
    """Options or names that do not make sense."""

    exit_code = ExitCode.USAGE


class DataError(FerError):
    """Pictures, videos or data sets that are missing, broken or not what they claim to be."""

    exit_code = ExitCode.DATA


class WeightsError(FerError):
    """Weights that are missing, broken, or do not fit the model."""

    exit_code = ExitCode.WEIGHTS


class DeviceError(FerError):
    """A device or execution provider that was asked for and is not there."""

    exit_code = ExitCode.DEVICE
