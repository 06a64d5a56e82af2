"""nan and inf are refused by every option that takes a number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fercli.cli.ablate import parse_values
from fercli.cli.main import app, main
from fercli.errors import ExitCode, UsageError


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


COMMANDS = list(_commands(typer.main.get_command(app)))
FLOATS = [
    (path, command, parameter)
    for path, command in COMMANDS
    for parameter in command.params
    if parameter.param_type_name == "option" and "float" in str(parameter.type_descriptor.annotation)
]


def test_float_options__are_found():
    names = {" ".join((*path, parameter.opts[0])) for path, _, parameter in FLOATS}
    assert {"predict --fps", "agree --step", "events --enter"} <= names
    assert len(names) > 25


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    ("path", "command", "option"), FLOATS, ids=[" ".join((*path, option.opts[0])) for path, _, option in FLOATS]
)
def test_float_option__refuses_what_is_not_finite(
    path: tuple[str, ...], command: Any, option: Any, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    present = tmp_path / "present"
    present.touch()
    arguments = [*path]
    for parameter in command.params:
        if parameter.required and parameter.param_type_name == "argument":
            arguments += [str(present)] * max(parameter.nargs, 1)
        elif parameter.required and parameter is not option:
            arguments += [parameter.opts[0], str(present)]
    assert main([*arguments, f"{option.opts[0]}={value}"]) == ExitCode.USAGE
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert option.opts[0] in first
    assert second == f"fix: fer {' '.join(path)} --help"


@pytest.mark.parametrize("text", ["1,nan", "inf", "nan:1:1", "0:inf:1", "0:1:nan", "0:1:inf"])
def test_ablate_values__refuse_what_is_not_finite(text: str):
    with pytest.raises(UsageError, match="neither a list"):
        parse_values(text)
