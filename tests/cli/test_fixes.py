"""Every command line and option that an error proposes exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import fercli
from fercli.cli.main import app, main

PACKAGE = Path(fercli.__file__).parent
WORD = re.compile(r"--[a-z][a-z0-9-]*")
FOREIGN = {
    "--nproc-per-node",
    "--version",
    "--help",
    "--index-url",
    "--extra-index-url",
    "--force-reinstall",
}  # of torchrun and pip


def commands() -> dict[str, set[str]]:
    """Options by command, such as `weights pull`."""
    found: dict[str, set[str]] = {}

    def visit(command: object, path: str) -> None:
        children = getattr(command, "commands", None)
        if children is None or getattr(command, "invoke_without_command", False):
            found[path] = {
                name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
            }
        for name, child in (children or {}).items():
            visit(child, f"{path} {name}".strip())

    visit(typer.main.get_command(app), "")
    return found


COMMANDS = commands()
ALL_OPTIONS = set().union(*COMMANDS.values())


def text_of(node: ast.expr) -> str:
    """The text of an expression, with X for what is known at run time only."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return " ".join(text_of(part) for part in ast.walk(node.value) if isinstance(part, ast.Constant)) or "X"
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    if isinstance(node, ast.IfExp):
        return f"{text_of(node.body)}; {text_of(node.orelse)}"
    return "X"


def fixes() -> Iterator[tuple[str, str]]:
    """Where and what: the text of every `fix=` argument, and of the constants that are passed to them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [getattr(target, "id", "") for target in getattr(node, "targets", ())]
            where = f"{path.relative_to(PACKAGE).as_posix()}:{getattr(node, 'lineno', 0)}"
            if (isinstance(node, ast.keyword) and node.arg == "fix") or any("FIX" in name for name in names):
                yield where, text_of(node.value)


FIXES = list(fixes())


def test_fixes__are_read_from_the_source():
    assert len(FIXES) > 200
    assert any("fer weights pull X" in text for _, text in FIXES)


@pytest.mark.parametrize(("where", "text"), FIXES, ids=[where for where, _ in FIXES])
def test_fix__names_commands_and_options_that_exist(where: str, text: str):
    for match in re.finditer(r"(?<!update )\bfer (?!that)((?:[a-z-]+)(?: [a-z-]+)?)([^,;()]*)", text):
        words, rest = match.groups()
        name = next((known for known in (words, words.split()[0]) if known in COMMANDS), None)
        assert name is not None or words.split()[0] in {path.split()[0] for path in COMMANDS}, match.group()
        options = set(WORD.findall(f"{words} {rest}")) - FOREIGN
        assert name is None or options <= COMMANDS[name], f"{match.group()}: {name} has no {options - COMMANDS[name]}"
    assert set(WORD.findall(text)) - FOREIGN <= ALL_OPTIONS


MISSING_DATA = [
    ["train", "rafdb", "--from-scratch"],
    ["ablate", "components", "rafdb", "--from-scratch"],
    ["eval", "fer-compact", "rafdb"],
    ["calibrate", "fer-compact", "rafdb", "out.safetensors"],
    ["data", "check", "rafdb"],
    ["distill", "teacher", "rafdb", "out.safetensors"],
    ["visualize", "tsne", "rafdb", "--weights", "fer-compact"],
    ["audit", "fer-compact", "rafdb"],
    ["audit", "fer-compact", "FACES", "--truth", "rafdb"],
    ["eval", "fer-compact", "FACES", "--end-to-end", "rafdb"],
    ["compare", "FACES", "FACES", "--images", "rafdb", "--out", "out"],
    ["train", "NUMBERS", "--from-scratch"],
    ["eval", "fer-compact", "FACES", "--end-to-end", "NUMBERS"],
    ["audit", "fer-compact", "FACES", "--truth", "NUMBERS"],
    ["train", "FACES", "--data", "FACES", "--from-scratch"],
    ["train", "FACES"],
    ["ablate", "losses", "FACES"],
    ["eval", "no-such-weights", "FACES"],
    ["predict", "missing.jpg"],
    ["predict", "FACES", "--weights", "no-such-weights"],
    ["export", "--onnx", "--weights", "no-such-weights"],
    ["report", "table5", "--run", "FACES"],
    ["report", "table1", "--run", "FACES"],
    ["compare", "FACES", "missing"],
]


@pytest.mark.parametrize("line", MISSING_DATA, ids=" ".join)
def test_error__of_a_command_proposes_options_that_it_has(line, two_classes, tmp_path, monkeypatch, capsys):
    faces = two_classes(train=2, test=2)
    numbers = tmp_path / "numbers"
    (numbers / "train").mkdir(parents=True)
    (faces / "train" / "happiness").rename(numbers / "train" / "3")
    (faces / "train" / "happiness").mkdir()
    (faces / "train" / "happiness" / "0.png").write_bytes((faces / "test" / "happiness" / "0.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    paths = {"FACES": str(faces), "NUMBERS": str(numbers)}
    code = main([paths.get(word, word) for word in line])
    shown = capsys.readouterr().err
    assert code != 0
    fix = shown.partition("fix: ")[2]
    name = next(path for path in (" ".join(line[:2]), line[0]) if path in COMMANDS)
    elsewhere = {option for part in re.findall(r"\bfer [^,;()]*", fix) for option in WORD.findall(part)}
    proposed = set(WORD.findall(fix)) - elsewhere
    assert proposed <= COMMANDS[name], f"{shown}: fer {name} has no {proposed - COMMANDS[name]}"
