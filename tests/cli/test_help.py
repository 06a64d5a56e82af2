import inspect
import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
generate_cli = runpy.run_path(str(DOCS / "generate_cli.py"))
COMMANDS = dict(generate_cli["commands"]())

VERBS = [
    "predict",
    "merge",
    "summary",
    "events",
    "baseline",
    "export",
    "align",
    "train",
    "distill",
    "ablate",
    "eval",
    "calibrate",
    "compare",
    "report",
    "audit",
    "describe",
    "convert",
    "doctor",
    "agree",
    "agree sample",
    "data",
    "data prepare",
    "data check",
    "visualize",
    "visualize probabilities",
    "visualize scorecam",
    "visualize tsne",
    "visualize attention",
    "weights",
    "weights list",
    "weights pull",
    "weights restore",
    "weights verify",
    "weights import",
    "weights average",
    "bench",
    "bench models",
    "bench faces",
    "bench video",
    "bench train",
    "bench gpu",
    "bench start",
]


def test_commands__are_the_verbs_of_the_pipeline():
    assert list(COMMANDS) == ["fer", *(f"fer {verb}" for verb in VERBS)]


@pytest.mark.parametrize("path", COMMANDS)
def test_help__describes_the_command_and_shows_an_example(path: str):
    what, heading, example = inspect.cleandoc(COMMANDS[path].command.help).partition("\n\nExample:\n\n")
    assert what.split("\n\n")[0].endswith((".", ":"))
    assert heading
    assert example.startswith(f"  {path}"), "indented, so that it stands out on the terminal and in the docs"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [(path, parameter) for path, context in COMMANDS.items() for parameter in generate_cli["parameters"](context)],
    ids=lambda value: getattr(value, "name", value),
)
def test_help__of_every_argument_and_option_is_a_sentence(path: str, parameter: Any):
    text = parameter.help or ""
    assert len(text) > 10, f"{path} {parameter.name}"
    assert text.endswith("."), f"{path} {parameter.name}: {text!r}"


def test_reference_page__matches_the_code():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert page == generate_cli["reference"](), "stale: run python docs/generate_cli.py"
