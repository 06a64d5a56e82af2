"""SIGTERM and SIGHUP end a command as Ctrl-C does: what was read is written, and the exit code says which signal it was."""

from __future__ import annotations

import signal
from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_received: list[int] = []


def install() -> None:
    """Let SIGTERM and SIGHUP do what Ctrl-C does at the time; ignored signals (as under nohup) stay ignored."""
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _as_interrupt)


def exit_code(code: int) -> int:
    """Return 143 after SIGTERM and 129 after SIGHUP, else the given code."""
    return 128 + _received[0] if _received else code


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:  # Ctrl-C is ignored, as in background jobs of a shell
        raise KeyboardInterrupt
