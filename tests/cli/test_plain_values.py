"""Values reach commands as with typer alone, whether they are converted or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.core import TyperCommand

from fercli.cli.help_pages import GroupedCommand

CASES = [
    ["a", "b"],
    ["a", "--text", "t", "--kind", "two", "--number", "3", "--share", "4"],
    ["a", "--paths", "x", "--paths", "y", "--path", "z", "--maybe", "0.5", "--texts", "u", "--no-flag"],
    ["a", "--number", "5"],
    ["a", "--share", "1e-3", "--fraction", "7"],
]


def _values(cls: type[TyperCommand], arguments: list[str]) -> dict[str, Any]:
    app, values = typer.Typer(rich_markup_mode=None), {}

    @app.command(cls=cls)
    def work(
        sources: list[str],
        text: str = "t0",
        kind: Annotated[Literal["one", "two"], typer.Option()] = "one",
        number: Annotated[int, typer.Option(min=0)] = 5,
        share: Annotated[float, typer.Option(min=0)] = 2,
        fraction: float | None = None,
        maybe: float | None = 1,
        path: Path | None = None,
        home: Path = Path("here"),
        paths: list[Path] | None = None,
        texts: list[str] | None = None,
        flag: bool = True,
    ) -> None:
        values.update(locals())

    typer.main.get_command(app).main(arguments, standalone_mode=False)
    values.pop("values", None)
    return values


@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_values__are_those_of_typer(arguments: list[str]):
    ours, typers = (_values(cls, arguments) for cls in (GroupedCommand, TyperCommand))
    assert ours == typers
    assert {name: type(value) for name, value in ours.items()} == {name: type(value) for name, value in typers.items()}


@pytest.mark.parametrize("arguments", [["a", "--kind", "three"], ["a", "--number", "-1"], ["a", "--share", "x"], []])
def test_values__are_refused_as_by_typer(arguments: list[str]):
    messages = []
    for cls in (GroupedCommand, TyperCommand):
        with pytest.raises(typer.exceptions.TyperException) as caught:
            _values(cls, arguments)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
