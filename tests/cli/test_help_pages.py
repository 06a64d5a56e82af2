"""Help pages by stage and topic."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from fercli.cli.help_pages import GroupedCommand, GroupedGroup
from fercli.cli.main import app


def _sections(page: str) -> dict[str, list[str]]:
    """Heading to the first words of the lines below it."""
    sections: dict[str, list[str]] = {}
    heading = ""
    for line in page.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            heading = line.removesuffix(":")
        elif heading and line.startswith("  ") and not line.startswith("   "):
            sections.setdefault(heading, []).append(line.split()[0])
    return sections


def test_help__groups_every_command_by_stage():
    sections = _sections(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"}, obj=None).stdout)
    assert sections["Predict"] == ["predict", "merge", "export"]
    assert sections["Training"] == ["train", "distill", "ablate"]
    assert "Commands" not in sections  # none without a stage
    grouped = [name for heading, names in sections.items() if heading != "Options" for name in names]
    assert len(grouped) == len(set(grouped)) == 23


@pytest.fixture
def toy() -> typer.Typer:
    toy = typer.Typer(cls=GroupedGroup, rich_markup_mode=None)

    @toy.command("go", cls=GroupedCommand, rich_help_panel="Second")
    def go(
        plain: int = 1,
        tuned: int = typer.Option(2, rich_help_panel="Tuning"),
    ) -> None: ...

    @toy.command("first", cls=GroupedCommand)
    def first() -> None: ...

    return toy


def test_help__lists_options_by_topic_and_the_others_last(toy):
    sections = _sections(CliRunner().invoke(toy, ["go", "--help"]).stdout)
    assert list(sections) == ["Tuning", "Options"]
    assert sections == {"Tuning": ["--tuned"], "Options": ["--plain", "--help"]}


def test_help__keeps_commands_without_a_stage_under_commands(toy):
    sections = _sections(CliRunner().invoke(toy, ["--help"]).stdout)
    assert sections["Second"] == ["go"]
    assert sections["Commands"] == ["first"]
