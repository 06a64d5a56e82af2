import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
generate_cli = runpy.run_path(str(DOCS / "generate_cli.py"))
COMMANDS = dict(generate_cli["commands"]())

VERBS = ["doctor", "data", "data prepare", "align", "train", "distill", "eval", "export", "predict", "convert"]


def test_commands__are_the_verbs_of_the_pipeline():
    assert list(COMMANDS) == ["fer", *(f"fer {verb}" for verb in VERBS)]


@pytest.mark.parametrize("path", COMMANDS)
def test_help__says_what_the_command_does_and_shows_an_example(path: str):
    first, _, rest = COMMANDS[path].command.help.partition("\n")
    assert first.endswith((".", ":", ",")) or rest, "the first line is a sentence"
    _, heading, example = rest.partition("Example")
    assert heading
    assert any(line.strip().startswith(path) for line in example.splitlines()), "the example runs this command"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [(path, parameter) for path, context in COMMANDS.items() for parameter in generate_cli["parameters"](context)],
    ids=lambda value: getattr(value, "name", value),
)
def test_help__of_every_argument_and_option_is_a_sentence(path: str, parameter: Any):
    text = parameter.help or ""
    assert text[:1].isupper() or text[:1].isdigit() or text.split(" ")[0].islower(), f"{path} {parameter.name}: {text!r}"
    assert len(text) > 10, f"{path} {parameter.name}: {text!r}"


def test_reference_page__is_what_the_code_says():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert page == generate_cli["reference"](), "stale: run python docs/generate_cli.py"
