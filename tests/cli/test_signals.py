"""SIGTERM and SIGHUP end a command as Ctrl-C does; closed streams and an early Ctrl-C end in a line."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode

ENDLESS = """
import signal, sys, time
from threading import Event
from fercli.cli import main as cli, signals
from fercli.cli.console import interrupt_sets
from pathlib import Path

def work(_arguments):
    stop = Event()
    with interrupt_sets(stop):
        print("ready", flush=True)
        while not stop.wait(0.1):  # a signal just before an endless wait would be seen after it only
            pass
    Path(sys.argv[1]).write_text("finished", encoding="utf-8")
    return 0

signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGTERM", "SIGHUP"):  # nohup leaves them ignored
    signal.signal(getattr(signal, name), signal.SIG_DFL)
cli.main = work
cli.run()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 0)])
def test_signal__lets_a_live_source_finish_its_outputs(name: str, code: int, tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            process.send_signal(getattr(signal, name))
            assert process.wait(300) == code
        finally:
            process.kill()
    assert (tmp_path / "out").read_text(encoding="utf-8") == "finished"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8])
def test_interrupt__while_the_program_loads__is_no_traceback(wait_s: float, tmp_path: Path):
    pipe = tmp_path / "fer2013.csv"
    os.mkfifo(pipe)  # the command waits for its writer
    process = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(2, signal.default_int_handler)\n"
         "from fercli import entry; entry._open_standard_streams = lambda: print('loaded', flush=True); entry.run()",
         "data", "prepare", "fer2013", str(pipe), str(tmp_path / "out")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "loaded\n"
    time.sleep(wait_s)
    process.send_signal(signal.SIGINT)
    _write_nothing(pipe, process)
    _, messages = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in messages


def _write_nothing(pipe: Path, process: subprocess.Popen[str]) -> None:
    """End the opening and the reading of a pipe, which a signal just before them does not."""
    for _ in range(3000):
        if process.poll() is not None:
            return
        with contextlib.suppress(OSError):  # nobody reads: the process has not come so far, or was interrupted
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        time.sleep(0.1)


@pytest.mark.parametrize("how", ["cause", "context"])
def test_interrupt__that_a_library_turns_into_its_own_error__is_no_traceback(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def load(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            if how == "cause":
                raise ImportError("initialization failed") from interrupt
            raise ImportError("initialization failed")  # noqa: B904 - as libraries do

    monkeypatch.setattr("fercli.cli.checkup.check_installation", load)
    assert main(["doctor"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


ENDING = """
import atexit, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from fercli import entry
atexit.register(lambda: [os.kill(os.getpid(), number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)])
entry.run()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_signal__when_all_is_written__does_not_change_the_exit_code():
    done = subprocess.run([sys.executable, "-c", ENDING, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("fer ")


def _closed(which: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = " ".join([sys.executable, "-m", "fercli", *arguments, which])
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=os.environ)


@pytest.mark.skipif(os.name != "posix", reason="a shell that closes streams")
def test_closed_streams__are_no_traceback(tmp_path: Path):
    refused = _closed(">&-", "--version")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0].startswith("error: stdout is closed")
    assert _closed("2>&-", "--version").stdout.startswith("fer ")
    assert _closed("2>&-", "predict", str(tmp_path / "nothing.jpg")).returncode not in (0, -6)
    empty = _closed("<&-", "predict", "-")
    assert "Traceback" not in empty.stderr
    assert empty.returncode == 2


UNANSWERED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from fercli import entry
from fercli.media import containers
containers._TIMEOUTS_S = (1200.0, 1200.0)  # longer than the test waits: FFmpeg does not end it
entry.run()
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["seconds", "ctrl-c"])
def test_stream__that_does_not_answer__ends_on_request(how: str):
    with socket.create_server(("127.0.0.1", 0)) as server:  # the system accepts the connection; nothing is ever sent
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        seconds = ["--seconds", "2"] if how == "seconds" else []
        process = subprocess.Popen(
            [sys.executable, "-c", UNANSWERED, "predict", address, *seconds],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            if how == "ctrl-c":
                server.settimeout(300)
                with server.accept()[0]:
                    process.send_signal(signal.SIGINT)
                    _, messages = process.communicate(timeout=300)
            else:  # on a busy machine the two seconds may be over before the connection
                _, messages = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 3
    assert "stopped before the first frame" in messages
    assert "Traceback" not in messages
