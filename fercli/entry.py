"""Entry point of the `fer` script: Ctrl-C and closed streams end in a line, also while the program is still loading."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading

# threads that may wait for an address, or that load a network without end; nothing can break that off
_BLOCKED = ("latest frames", "prefetch", "load network")
# Loading creates 150,000 objects and no garbage; searching them every 700, as Python does, is a tenth of the time of a picture
_OBJECTS_BETWEEN_COLLECTIONS, _LOADING_S = 30_000, 1.0


def run() -> None:
    """Run the command line and exit."""
    _collect_seldom_while_loading()
    try:
        _open_standard_streams()
        from fercli.cli.main import run as run_command

        run_command()
    except SystemExit as end:
        _ignore_signals()  # all is written: the exit code says how it went
        if isinstance(end.code, int) and any(thread.name in _BLOCKED for thread in threading.enumerate()):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code)  # FFmpeg and ONNX Runtime would call back into a Python that is shutting down, and crash
        raise
    except KeyboardInterrupt:
        os.write(2, b"interrupted\n")
        os._exit(130)  # libraries that were loading may fail while Python shuts down
    finally:
        gc.freeze()  # the process ends: a last search for garbage would only cost time


def _collect_seldom_while_loading() -> None:
    """Search for garbage seldom until everything is loaded, then as usual: frames of videos are freed by these searches."""
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *usual[1:])
    loaded = threading.Timer(_LOADING_S, gc.set_threshold, usual)
    loaded.daemon = True
    loaded.start()


def _ignore_signals() -> None:
    """Let no further Ctrl-C, SIGTERM or SIGHUP end the process in the place of its exit code."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _open_standard_streams() -> None:
    """Replace closed streams: input and messages by nothing; results without a reader are an error."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdout is None:
        sys.stderr.write(
            "error: stdout is closed, so results cannot be written\nfix: redirect it, such as >/dev/null\n"
        )
        sys.exit(1)
