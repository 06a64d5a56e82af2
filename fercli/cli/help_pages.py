"""Plain-text help pages that list options and commands under the headings that `rich_help_panel` names.

Typer groups them only in its rich help pages, which take twice as long to appear.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fercli.cli.plain_values import take_plain_values

_Row = tuple[str, str]


class GroupedCommand(TyperCommand):
    """A command whose help page lists its options by topic."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        take_plain_values(self.get_params(ctx))
        rest: list[str] = super().parse_args(ctx, args)
        _refuse_infinite(ctx, self.get_params(ctx))
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self, ctx, formatter)


class GroupedGroup(TyperGroup):
    """A group of commands whose help page lists the commands by stage, in the order in which the stages were registered."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        take_plain_values(self.get_params(ctx))
        rest: list[str] = super().parse_args(ctx, args)
        _refuse_infinite(ctx, self.get_params(ctx))
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def listed(self, ctx: Any) -> Iterator[tuple[str, str | None, str]]:
        """Yield name, stage and description of the commands that the help page lists."""
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield name, getattr(command, "rich_help_panel", None), command.get_short_help_str(200)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        listed = list(self.listed(ctx))
        width = max((len(name) for name, _, _ in listed), default=0)
        sections: dict[str, list[_Row]] = {}
        for name, stage, description in listed:
            # padded to one width, so that the descriptions of all sections begin in the same column
            sections.setdefault(stage or "Commands", []).append((name.ljust(width), description))
        _write_sections(formatter, sections)


def _refuse_infinite(ctx: Any, parameters: Sequence[Any]) -> None:
    """Raise the error of a wrong value for nan and inf: nan lies within every range, since it compares as false."""
    for parameter in parameters:
        value = ctx.params.get(parameter.name)
        for number in value if isinstance(value, list | tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise typer.BadParameter(f"{number} is not a finite number.", ctx=ctx, param=parameter)


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[_Row]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            default = "Arguments" if parameter.param_type_name == "argument" else "Options"
            sections.setdefault(getattr(parameter, "rich_help_panel", None) or default, []).append(record)
    # options without a topic, --help among them, come last
    if "Options" in sections and len(sections) > 1:
        sections["Options"] = sections.pop("Options")
    _write_sections(formatter, sections)


def _write_sections(formatter: Any, sections: dict[str, list[_Row]]) -> None:
    for heading, rows in sections.items():
        with formatter.section(heading):
            formatter.write_dl(rows)
