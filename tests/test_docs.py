import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import fercli
from fercli.config.presets import MODELS
from fercli.config.settings import override
from fercli.errors import ExitCode

ROOT = Path(__file__).parents[1]
# api.md is generated when the docs are built, from docstrings
PAGES = [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "api.md")]
COMMANDS = dict(runpy.run_path(str(ROOT / "docs" / "generate_cli.py"))["commands"]())


def command_lines(page: Path) -> Iterator[str]:
    """Every `fer ...` line of the page's shell blocks, continued lines joined."""
    for block in re.findall(r"^```(?:bash|console|sh)\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|", line):
                if part.split()[:1] and Path(part.split()[0]).name == "fer":
                    yield part.strip()


def faults(line: str) -> list[str]:
    """What is wrong with a `fer` command line: an unknown verb, options that it does not have."""
    path, rest = "fer", shlex.split(line, comments=True)[1:]
    while rest and f"{path} {rest[0]}" in COMMANDS:
        path = f"{path} {rest.pop(0)}"
    if path == "fer" and rest and not rest[0].startswith("-") and rest[0] not in {"COMMAND", "VERB"}:
        return [f"no command {rest[0]}"]
    known = {"--help", "--install-completion", "--show-completion"}
    for parameter in COMMANDS[path].command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    given = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return [f"{path} has no option {option}" for option in given if option not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page__shows_only_command_lines_that_exist(page: Path):
    assert [(line, faults(line)) for line in command_lines(page) if faults(line)] == []


def test_docs__show_every_verb():
    shown = " ".join(line for page in PAGES if page.name != "cli.md" for line in command_lines(page))
    assert [path for path in COMMANDS if path not in shown] == []


def test_exit_codes_page__lists_every_code_with_its_name():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8"), re.M)
    assert {name: int(code) for code, name in rows} == {code.name: code.value for code in ExitCode}


def test_model_page__states_the_defaults_of_btn_base():
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| `([^`]+)` \|", (ROOT / "docs" / "model.md").read_text(encoding="utf-8"), re.M
    )
    assert len(rows) > 12
    assert override(MODELS["btn-base"], [f"{name}={default}" for name, default in rows]) == MODELS["btn-base"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page__links_to_files_that_exist(page: Path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_readme__has_the_two_commands_in_one_line_each():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    starts = "python3 -m venv .venv && .venv/bin/pip install "
    assert [line for line in lines if line.startswith(starts)] == [
        starts + ". && .venv/bin/fer predict docs/images/astronaut.jpg",
        starts + "'.[test]' && .venv/bin/pytest -n auto",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "python.md"], ids=lambda page: page.name)
def test_page__shows_python_that_runs(page: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        exec(compile(block, page.name, "exec"), {})


RESULT_PAGES = (
    "eval",
    "compare",
    "calibrate",
    "tables",
    "results",
    "ablate",
    "audit",
    "reproduce",
    "experiments",
    "train",
    "analysis",
    "baseline",
    "bench",
    "coding",
    "conventions",
    "describe",
    "distill",
    "model",
    "predict",
    "report",
    "scale",
    "tutorial-research",
    "tutorial-use",
    "visualize",
)


@pytest.mark.parametrize("page", RESULT_PAGES)
def test_page__with_results_says_how_to_cite(page: str):
    assert "(cite.md)" in (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")


def test_citation__is_of_this_version():
    import yaml

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == fercli.__version__
    authors = citation["references"][0]["authors"]
    assert [author["family-names"] for author in authors] == ["Her", "Jeong", "Song", "Han"]
    assert authors[0]["given-names"] == "Myung Beom"
    assert fercli.__version__ in (ROOT / "docs" / "cite.md").read_text(encoding="utf-8")
