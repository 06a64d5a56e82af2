"""The HTTP example: a real server, real requests, and a log without pictures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PHOTO = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"

pytestmark = pytest.mark.slow


class Server(NamedTuple):
    address: str
    log: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [sys.executable, "-m", "uvicorn", "server:app", "--app-dir", str(EXAMPLES), "--port", "0"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield Server(f"{_wait_for(process, log)}/predict", log)
        finally:
            process.terminate()


def _wait_for(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address that the server says it listens at."""
    for _ in range(3000):
        said = log.read_text(encoding="utf-8")
        if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", said):
            return found[1]
        if process.poll() is not None:
            pytest.fail(said)
        time.sleep(0.1)
    pytest.fail("the server did not start")


def _post(address: str, body: bytes) -> tuple[int, object]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data=body, method="POST"), timeout=300) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_server__answers_requests_at_once_and_refuses_what_is_no_picture(server: Server):
    photo = PHOTO.read_bytes()
    bodies = [photo, b"no picture", photo, photo]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: _post(server.address, body), bodies))
    assert [status for status, _ in answers] == [200, 422, 200, 200]
    for index in (0, 2, 3):
        [face] = answers[index][1]
        assert (face["label"], face["source"], face["status"]) == ("happiness", "request", "ok")
    status, answer = _post(server.address, bytes(20_000_001))
    assert (status, answer) == (413, {"detail": "more than 20000000 bytes"})


def test_server__logs_requests_without_their_pictures(server: Server):
    _post(server.address, PHOTO.read_bytes())
    text = server.log.read_bytes()
    assert b"POST /predict" in text
    assert b"JFIF" not in text
    assert b"happiness" not in text
    assert b"Traceback" not in text
