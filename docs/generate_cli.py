"""Writes docs/cli.md from the commands themselves: `python docs/generate_cli.py` after any change of an option.

A test compares the page with what `reference()` returns, so the page cannot grow stale.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from fercli.cli.main import app
from fercli.errors import ExitCode

PAGE = Path(__file__).with_name("cli.md")


def commands() -> Iterator[tuple[str, typer.Context]]:
    """Every command line that has a help page, in the order of `fer --help`: ("fer align", its context)."""

    def walk(command: Any, parent: typer.Context | None) -> Iterator[tuple[str, typer.Context]]:
        context = typer.Context(command, parent=parent, info_name=command.name)
        yield context.command_path, context
        for child in getattr(command, "commands", {}).values():
            yield from walk(child, context)

    yield from walk(typer.main.get_command(app), None)


def parameters(context: typer.Context) -> list[Any]:
    """The arguments and options of one command, `--help` and the completion options left out."""
    ignored = {"help", "install_completion", "show_completion"}
    return [parameter for parameter in context.command.params if parameter.name not in ignored]


def reference() -> str:
    """The page's text."""
    codes = ", ".join(str(int(code)) for code in ExitCode)
    parts = [
        "# Command line reference",
        "Made from the code by `docs/generate_cli.py`; `fer COMMAND --help` prints the same.",
        f"Every command ends in one of the [exit codes](exit-codes.md) {codes}.",
    ]
    for path, context in commands():
        parts.append(f"## {path}")
        parts.append(_description(inspect.cleandoc(context.command.help or "")))
        parts.append(f"```text\n{_usage(path, context)}\n```")
        rows = [_row(parameter, context) for parameter in parameters(context)]
        if rows:
            parts.append("\n".join(["| parameter | default | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _description(text: str) -> str:
    """A docstring as markdown: indented example lines become a code block."""
    return re.sub(r"(?:^ +\S.*\n?)+", lambda found: _code_block(found[0]), text, flags=re.MULTILINE).strip()


def _code_block(lines: str) -> str:
    return f"```bash\n{inspect.cleandoc(lines)}\n```\n"


def _usage(path: str, context: typer.Context) -> str:
    words = [path, "[OPTIONS]"]
    for parameter in parameters(context):
        if parameter.param_type_name == "argument":
            name = _value_name(parameter, context) + ("..." if parameter.nargs != 1 else "")
            words.append(name if parameter.required else f"[{name}]")
    if hasattr(context.command, "commands"):
        words.append("COMMAND ...")
    return " ".join(words)


def _row(parameter: Any, context: typer.Context) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{_value_name(parameter, context)}`"
    else:
        name = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
        if not parameter.is_flag:
            name += f" `{_value_name(parameter, context)}`"
    default = parameter.default
    if parameter.required:
        shown = "required"
    elif default is None or default is False or default in ((), []) or callable(default):
        shown = ""
    else:
        shown = f"`{default}`"
    meaning = " ".join((parameter.help or "").split())
    if parameter.envvar:
        meaning += f" Also: environment variable `{parameter.envvar}`."
    cells = (cell.replace("|", "\\|") for cell in (name, shown, meaning))
    return f"| {' | '.join(cells)} |"


def _value_name(parameter: Any, context: typer.Context) -> str:
    """What stands for the value: the stated metavar, an argument's name, the choices, or the kind of value."""
    if parameter.metavar:
        return str(parameter.metavar)
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    hint = typing.get_type_hints(context.command.callback)[parameter.name]
    choices = [choice for kind in (hint, *typing.get_args(hint)) for choice in _choices(kind)]
    if choices:
        return "|".join(choices)
    kinds = {int: "INTEGER", float: "NUMBER", Path: "PATH", str: "TEXT"}
    return next(word for kind, word in kinds.items() if kind in (hint, *typing.get_args(hint)))


def _choices(hint: Any) -> list[str]:
    return [str(choice) for choice in typing.get_args(hint)] if typing.get_origin(hint) is typing.Literal else []


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
