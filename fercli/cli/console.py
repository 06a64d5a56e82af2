"""Output of the commands: results to stdout (text, tables, JSON lines), messages and progress to stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Timer
from typing import TYPE_CHECKING, Any

import typer

from fercli.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import RenderableType

_PIPE_WIDTH = 10_000  # characters; wide enough that no row is wrapped in a pipe


def say(text: str) -> None:
    """Write a message to stderr."""
    typer.echo(text, err=True)


def warn(text: str) -> None:
    """Write a warning to stderr."""
    typer.echo(f"warning: {text}", err=True)


def show(result: str | RenderableType) -> None:
    """Write a result for people to stdout: text as it is, a table as wide as the terminal or, in a pipe, as needed."""
    if isinstance(result, str):
        typer.echo(result)
        return
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False).print(result)


def json_line(value: object) -> None:
    """Write a value to stdout as one line of JSON; dataclasses, paths and numpy values are turned into plain ones."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain))


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
        result.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        result.add_row(*(Text("" if value is None else str(value)) for value in row))
    # a title of the table itself would be wrapped to the table's width
    return Group(Text(title, style="bold"), result) if title else result


@contextmanager
def progress(description: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Give a step its `progress(done, total, note)`: a live bar on stderr with rate and time left, no bar in a pipe.

    total is None while the end is unknown; note is a short word about the item at hand.
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps a second, of late."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    # a pipe on stdout carries results: they must not be drawn into the bar on stderr
    with Bar(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task(description, total=None, note="")

        def report(done: int, total: int | None, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=note)

        yield report


def names_from_stdin() -> list[str]:
    """Read names from stdin: one per line, or separated by zero bytes if there are any (`find -print0`)."""
    content = sys.stdin.buffer.read()
    names = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [os.fsdecode(name) for name in names if name.strip()]


@contextmanager
def interrupt_sets(event: Event, *, after_s: float | None = None) -> Iterator[None]:
    """Let the first Ctrl-C, or the end of so many seconds, set the event; a second Ctrl-C interrupts as usual."""
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
