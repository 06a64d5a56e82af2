"""The exceptions for user errors, each with message, fix and exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What `fer` returns to the shell."""

    DONE = 0
    REFUSED = 1  # the result was refused: export disagrees with torch, --strict found failures, output exists
    USAGE = 2  # invalid options or arguments
    DATA = 3  # pictures, videos, data sets
    WEIGHTS = 4  # checkpoints, cards, ONNX files
    DEVICE = 5  # a requested device or execution provider is not available
    INTERRUPTED = 130  # Ctrl-C


class FerError(Exception):
    """An error the user can fix: `message` says what and where, `fix` how. Picklable, so that workers can raise it."""

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
    """A result that failed its check, or an output that already exists."""


class UsageError(FerError):
    """Invalid options, arguments or names."""

    exit_code = ExitCode.USAGE


class DataError(FerError):
    """Pictures, videos or data sets that are missing, broken or in an unexpected format."""

    exit_code = ExitCode.DATA


class WeightsError(FerError):
    """Weights that are missing, broken, or do not fit the model."""

    exit_code = ExitCode.WEIGHTS


class DeviceError(FerError):
    """A requested device or execution provider that is not available."""

    exit_code = ExitCode.DEVICE
