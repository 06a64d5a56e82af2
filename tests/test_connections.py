"""Connections: only the code of `fer weights pull` and of addresses can open one, and commands on files open none."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fercli
from fercli.results import Face, Prediction
from fercli.rows.formats import open_table

PACKAGE = Path(fercli.__file__).parent
NETWORK = {"socket", "urllib.request", "http.client", "http.server", "requests", "ftplib", "smtplib", "ssl", "asyncio"}
ALLOWED = {
    "weights/download.py": "fer weights pull",
    "weights/locations.py": "fer weights pull",
    "media/web.py": "http addresses of pictures that the user typed",
}
GUARD = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        sys.stderr.write(f"CONNECTION {event} {arguments}\\n")
        raise OSError("no connections in this test")
sys.addaudithook(refuse)
from fercli.cli.main import run
run()
"""


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_modules__that_can_open_a_connection_are_known():
    opening = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if _imports(path) & NETWORK}
    assert opening <= set(ALLOWED), f"new code that can open connections: {sorted(opening - set(ALLOWED))}"
    assert "weights/download.py" in opening  # the search itself works


@pytest.fixture
def table(tmp_path: Path) -> Path:
    face = Face((0.0, 0.0, 90.0, 90.0), 0.95, None)
    with open_table(tmp_path / "rows.csv", ("neutral", "sadness")) as rows:
        for frame in range(30):
            values = {"neutral": 0.1, "sadness": 0.9}
            rows.add([Prediction("a.mp4", "ok", frame, frame / 10, 0, face, "sadness", values, track=1)])
    return tmp_path / "rows.csv"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["summary", "rows.csv"],
        ["events", "rows.csv"],
        ["baseline", "rows.csv", "0:00-0:01", "--save", "new.csv"],
        ["weights", "list"],
        ["describe", "btn-tiny"],
        ["--help"],
    ],
    ids=lambda command: command[0],
)
def test_commands_on_files__open_no_connection(command: list[str], table: Path, tmp_path: Path):
    environment = os.environ | {"FER_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", GUARD, *command],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "CONNECTION" not in done.stderr
    assert done.returncode == 0, done.stderr
