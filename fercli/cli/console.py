"""Output of the commands: results to stdout (text, tables, JSON lines), messages and progress to stderr."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING, Any

import typer

from fercli.cli.progress_line import Part, Speed, named, progress_line
from fercli.formatting import duration, one_line_json, printable
from fercli.progress import Progress, silent
from fercli.system.files import write_errors_name

if TYPE_CHECKING:
    from rich.console import RenderableType

STDOUT = Path("stdout")  # as errors name it
_WHOLE = 20  # characters of a cell that is kept in one piece
_LISTED = 20  # warnings of one kind
_PIPE_WIDTH = 10_000  # characters; wide enough that no row is wrapped in a pipe


def say(text: str) -> None:
    """Write a message to stderr, above the progress line if there is one."""
    # not typer.echo, which writes past the stream that rich puts in the place of stderr while a line is drawn
    with suppress(OSError):  # a message that nobody can read must not lose results
        sys.stderr.write(f"{printable(text, lines=True)}\n")
        sys.stderr.flush()


def warn(text: str) -> None:
    """Write a warning to stderr."""
    say(f"warning: {printable(text)}")


def warn_each(texts: Sequence[str]) -> None:
    """Write a warning for each of the first texts, and how many more there are."""
    for text in texts[:_LISTED]:
        warn(text)
    if len(texts) > _LISTED:
        warn(f"and {len(texts) - _LISTED} more")


def show(result: str | RenderableType) -> None:
    """Write a result for people to stdout: text as it is, a table as wide as the terminal or, in a pipe, as needed."""
    if isinstance(result, str):
        with write_errors_name(STDOUT):
            typer.echo(printable(result, lines=True))
        return
    from rich.console import Console

    with write_errors_name(STDOUT):
        Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False).print(result)


def width() -> int:
    """Return how many columns a table on stdout may have: those of the terminal; in a pipe, as many as it needs."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else _PIPE_WIDTH


def json_line(value: object) -> None:
    """Write a value to stdout as one line of JSON; dataclasses, paths and numpy values are turned into plain ones."""
    with write_errors_name(STDOUT):
        typer.echo(one_line_json(value, default=_plain))


def prepare_tables() -> None:
    """Import what tables need on another thread, while the caller loads networks."""
    Thread(target=import_module, args=("rich.table",), name="tables").start()


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> RenderableType:
    """Return a table under its title for `show`; numbers are aligned right, `None` is an empty cell."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    result = Table(box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        values = [row[index] for row in rows if row[index] is not None]
        numeric = bool(values) and all(isinstance(value, int | float) for value in values)
        # names and numbers are not broken in the middle while another column can give way
        whole = all(len(str(value)) <= _WHOLE and " " not in str(value) for value in values)
        result.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        result.add_row(*(Text("" if value is None else printable(str(value))) for value in row))
    # a title of the table itself would be wrapped to the table's width
    return Group(Text(title, style="bold"), result) if title else result


@contextmanager
def progress(description: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Give a step its `progress(done, total, note)`: a live line on stderr with a bar, rate and time left, none in a pipe.

    total is None while the end is unknown; note is a short word about the item at hand.
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    speed = Speed()
    state: dict[str, Any] = {"done": 0, "total": None, "note": ""}

    def line(width: int, ascii_only: bool) -> str:
        done, total, note = state["done"], state["total"], state["note"]
        rate = speed.per_s
        left = duration((total - done) / rate) + " left" if rate and total and total > done else ""
        before = [Part((description,), 5)]
        after = [
            Part((f"{done:,}/{total:,}" if total else f"{done:,}",), 6),
            Part((f"{rate:.1f}/s" if rate else "", ""), 3),
            Part((left, ""), 4),
            named(printable(note), 1) if note else Part(("",), 1),
        ]
        fraction = done / total if total else None
        return progress_line(before, fraction, after, width, ascii_only=ascii_only)

    with live_line(line):

        def report(done: int, total: int | None, note: str = "") -> None:
            state.update(done=done, total=total, note=note)
            speed.add(time.monotonic(), done)

        yield report


@contextmanager
def live_line(line: Callable[[int, bool], str]) -> Iterator[None]:
    """Draw `line(width, ascii_only)` on stderr, over itself, several times a second, until the block ends."""
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.text import Text

    class Line:
        def __rich_console__(self, _console: Console, settings: ConsoleOptions) -> RenderResult:
            yield Text(line(settings.max_width, settings.ascii_only), no_wrap=True, overflow="crop")

    # a pipe on stdout carries results: they must not be drawn into the line on stderr
    live = Live(
        Line(),
        console=Console(stderr=True, highlight=False),
        transient=True,
        refresh_per_second=5,
        redirect_stdout=sys.stdout.isatty(),
    )
    with live:
        yield


def names_from_stdin() -> list[str]:
    """Read names from stdin: one per line, or separated by zero bytes if there are any (`find -print0`)."""
    content = sys.stdin.buffer.read()
    names = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [os.fsdecode(name) for name in names if name.strip()]


@contextmanager
def interrupt_sets(event: Event, *, after_s: float | None = None) -> Iterator[None]:
    """Let the first Ctrl-C, or the end of `after_s` seconds, set the event; a second Ctrl-C interrupts as usual."""
    usual = signal.getsignal(signal.SIGINT)

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, usual)
        event.set()

    timer = Timer(after_s, event.set) if after_s is not None else None
    signal.signal(signal.SIGINT, first)
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if timer:
            timer.cancel()


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):  # numpy arrays and scalars, without importing numpy
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")
