import io
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from rich.console import Console
from rich.file_proxy import FileProxy

from fercli.cli import console

LONG_PATH = "/".join(["a-folder-with-a-long-name"] * 12) + "/face.png"


@dataclass(frozen=True)
class Row:
    path: Path
    score: float


def test_say__appears_above_the_progress_line(monkeypatch: pytest.MonkeyPatch):
    # rich puts a proxy in the place of sys.stderr while the line is drawn; what is written past it ends up inside the line
    drawn, past = io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stderr", FileProxy(Console(file=drawn), past))
    console.say("epoch 1")
    console.warn("careful")
    assert drawn.getvalue() == "epoch 1\nwarning: careful\n"


def test_say__and_warn_write_to_stderr(capsys: pytest.CaptureFixture[str]):
    console.say("12 faces")
    console.warn("a.jpg has none")
    assert capsys.readouterr() == ("", "12 faces\nwarning: a.jpg has none\n")


def test_show__leaves_text_and_its_brackets_alone(capsys: pytest.CaptureFixture[str]):
    console.show(f"[bold] {LONG_PATH}")
    assert capsys.readouterr() == (f"[bold] {LONG_PATH}\n", "")


def test_show__wraps_no_row_in_a_pipe(capsys: pytest.CaptureFixture[str]):
    console.show(console.table("a title longer than the table", ["file"], [["a.png"]]))
    console.show(console.table(None, ["file", "score"], [[LONG_PATH, 0.5], ["[b].png", None]]))
    output = capsys.readouterr().out
    assert output.splitlines()[0] == "a title longer than the table"
    assert any(LONG_PATH in line and "0.5" in line for line in output.splitlines())
    assert "[b].png" in output
    assert "\x1b" not in output


def test_json_line__is_one_line_of_plain_values(capsys: pytest.CaptureFixture[str]):
    console.json_line({"row": Row(Path("ä.png"), 0.5), "box": np.array([1, 2]), "p": np.float32(0.25)})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"row": {"path": "ä.png", "score": 0.5}, "box": [1, 2], "p": 0.25}


def test_json_line__refuses_what_json_cannot_express():
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.json_line({"accuracy": float("nan")})
    with pytest.raises(TypeError, match="object has no JSON form"):
        console.json_line({"thing": object()})


def test_progress__is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]):
    with console.progress("align") as report:
        report(1, 2, "a.png")
        report(2, None, "b.png")
    assert capsys.readouterr() == ("", "")


def test_progress__draws_on_stderr_and_leaves_piped_results_alone(monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with console.progress("align") as report:
        report(1, 2, "[a].png")
        console.json_line({"done": 1})
    output = capsys.readouterr()
    assert output.out == '{"done": 1}\n'
    assert "align" in output.err
    assert "[a].png" in output.err


@pytest.fixture
def usual_interrupt() -> Iterator[None]:
    """Ctrl-C as a terminal's program has it: a shell's background job, as tests may be, ignores it from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_interrupt")
def test_interrupt_sets__takes_the_first_ctrl_c_and_lets_the_second_through():
    event = Event()
    usual = signal.getsignal(signal.SIGINT)

    def twice() -> None:
        with console.interrupt_sets(event):
            signal.raise_signal(signal.SIGINT)
            assert event.is_set()
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert signal.getsignal(signal.SIGINT) is usual


def test_interrupt_sets__sets_it_after_so_long():
    event = Event()
    with console.interrupt_sets(event, after_s=0.01):
        assert event.wait(300)


def test_table__keeps_names_and_numbers_in_one_piece_on_a_narrow_terminal():
    rows = [["image_backbone", "a sentence of several words, which may be broken between them", 151_472]]
    drawn = io.StringIO()
    Console(file=drawn, width=44).print(console.table(None, ["module", "what", "parameters"], rows))
    lines = drawn.getvalue().splitlines()
    assert all(len(line) <= 44 for line in lines)
    assert sum("image_backbone" in line and "151472" in line for line in lines) == 1
