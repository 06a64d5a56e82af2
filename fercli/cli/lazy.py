"""Commands whose modules are imported when they run, or when their own help page is shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer

from fercli.cli.help_pages import GroupedCommand, GroupedGroup
from fercli.system.packages import require


@dataclass(frozen=True)
class Entry:
    """A command or a group of commands.

    target: "module:name" of its function or `typer.Typer`, or the latter itself. description: in the list of commands.
    stage: heading there; None: "Commands". needs: optional modules without which it does nothing at all.
    """

    name: str
    target: str | typer.Typer
    description: str
    stage: str | None = None
    needs: Sequence[str] = ()


class LazyGroup(GroupedGroup):
    """A group of commands that are listed in `entries` and imported when they are needed."""

    entries: ClassVar[Sequence[Entry]] = ()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands: Any = _Commands(f"fer {self.name}" if self.name != "fer" else "fer", self.entries)

    def listed(self, ctx: Any) -> Iterator[tuple[str, str | None, str]]:  # noqa: ARG002 - the same everywhere
        for entry in self.entries:
            yield entry.name, entry.stage, entry.description


class _Commands(Mapping[str, Any]):
    """Commands by name, in order; each is imported when it is looked up."""

    def __init__(self, group: str, entries: Sequence[Entry]) -> None:
        self._group, self._entries = group, {entry.name: entry for entry in entries}
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _command(self._entries[name], f"{self._group} {name}")
        return self._loaded[name]

    def get(self, name: str, default: Any = None) -> Any:  # a KeyError of a module must not look like a missing command
        return self[name] if name in self._entries else default

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _command(entry: Entry, work: str) -> Any:
    """Import a command. work: the words that call it."""
    target: Any = entry.target
    if isinstance(target, str):
        module, _, name = target.partition(":")
        target = getattr(import_module(module), name)
    holder = typer.Typer(rich_markup_mode=None, add_completion=False)
    holder.callback()(_nothing)  # with it, typer makes a group also of a single command
    if isinstance(target, typer.Typer):
        holder.add_typer(target, name=entry.name, short_help=entry.description, rich_help_panel=entry.stage)
    else:
        function = _checked(target, work, entry.needs) if entry.needs else target
        holder.command(entry.name, cls=GroupedCommand, short_help=entry.description, rich_help_panel=entry.stage)(
            function
        )
    group: Any = typer.main.get_command(holder)
    return group.commands[entry.name]


def _checked(command: Callable[..., Any], work: str, needs: Sequence[str]) -> Callable[..., Any]:
    @functools.wraps(command)
    def checked(*arguments: Any, **values: Any) -> Any:
        require(work, needs)
        return command(*arguments, **values)

    return checked


def _nothing() -> None:
    """The callback of a group without options."""
