"""A full disk, limits of the system and a deleted folder end in two lines with the cause and the file, and exit code 1."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fercli.errors import ExitCode
from fercli.media.images import write_image
from fercli.system.files import replacing


@pytest.fixture
def pictures(astronaut: np.ndarray, tmp_path: Path) -> Path:
    for name in ("a", "b"):
        write_image(tmp_path / "in" / f"{name}.png", astronaut)
    return tmp_path / "in"


# settings of the tests' environment that change when stdout is written, and what warnings precede messages
_OF_TESTS = ("PYTHONUNBUFFERED", "PYTHONWARNDEFAULTENCODING")


@contextmanager
def file_size_limit(count: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as a disk that is full does."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _fer(limit: str, *arguments: str, cwd: Path | None = None) -> tuple[int, list[str]]:
    command = " ".join([limit, sys.executable, "-m", "fercli", *arguments])
    buffered = {name: value for name, value in os.environ.items() if name not in _OF_TESTS}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=cwd, env=buffered)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.splitlines()


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_replacing__names_the_output_when_the_disk_is_full(tmp_path: Path):
    with (
        file_size_limit(1000),
        pytest.raises(OSError, match="File too large") as caught,
        replacing(tmp_path / "rows.csv") as temporary,
    ):
        temporary.write_bytes(bytes(5000))
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename == str(tmp_path / "rows.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_predict__with_a_limit_of_file_sizes_names_the_file(pictures: Path, tmp_path: Path):
    for limit, option, output in ((0, "--save", "rows.csv"), (1, "--out", "out"), (200, "--out", "out")):
        code, lines = _fer(f"ulimit -f {limit};", "predict", str(pictures), option, str(tmp_path / output), "--quiet")
        assert code == ExitCode.REFUSED
        assert lines[-2].startswith(f"error: {tmp_path}") or lines[-2].startswith("error: /tmp")
        assert lines[-2].endswith("File too large")
        assert "ulimit -f" in lines[-1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize(("limit", "fix"), [("ulimit -n 5;", "ulimit -n"), ("ulimit -v 200000;", "ulimit -v")])
def test_predict__with_other_limits_says_which(limit: str, fix: str, pictures: Path, tmp_path: Path):
    code, lines = _fer(limit, "predict", str(pictures / "a.png"), "--save", str(tmp_path / "rows.csv"))
    assert code == ExitCode.REFUSED
    assert fix in lines[-1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk of Linux")
@pytest.mark.parametrize("command", [["describe", "btn-tiny", "--json"], ["weights", "list"]])
def test_stdout__on_a_full_disk_is_named(command: list[str]):
    code, lines = _fer("exec >/dev/full;", *command)
    assert code == ExitCode.REFUSED
    assert lines[0] == "error: stdout: No space left on device"
    assert "free space" in lines[1]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a folder that is in use cannot be deleted on Windows")
@pytest.mark.parametrize("command", ["predict a.png", "summary a.csv", "data check faces", "eval fer-compact faces"])
def test_command__in_a_deleted_folder_says_so(command: str, tmp_path: Path):
    gone = tmp_path / "gone"
    gone.mkdir()
    code, lines = _fer("rmdir ../gone;", *command.split(), cwd=gone)
    assert code == ExitCode.REFUSED
    assert lines == ["error: the working folder no longer exists", "fix: cd into a folder that exists"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_predict__into_a_folder_without_permission_is_refused(pictures: Path, tmp_path: Path):
    (tmp_path / "closed").mkdir(mode=0o500)
    code, lines = _fer("", "predict", str(pictures), "--out", str(tmp_path / "closed" / "out"))
    assert (code, lines[-2].partition(":")[0]) == (ExitCode.REFUSED, "error")
