"""Errors of the operating system and of imports, as two lines."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fercli.cli.system_errors import explain
from fercli.errors import DataError, ExitCode, UsageError


@pytest.mark.parametrize(
    ("fault", "fix"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOMEM, "memory"),
    ],
)
def test_explain__has_the_fix_of_the_cause(fault: int, fix: str):
    error = explain(OSError(fault, os.strerror(fault), "out/a.csv"))
    assert error is not None
    assert error.message == f"out/a.csv: {os.strerror(fault)}"
    assert fix in error.fix
    assert error.exit_code == ExitCode.REFUSED


def test_explain__leaves_what_a_user_cannot_fix():
    assert explain(OSError(errno.EBADF, os.strerror(errno.EBADF))) is None
    assert explain(ImportError("cannot import name 'x' from 'y'")) is None


def test_explain__an_import_that_fails():
    library = explain(ImportError("libGL.so.1: cannot open shared object file"))
    assert library is not None
    assert "libgl1" in library.fix
    memory = explain(ImportError("cannot allocate memory in static TLS block"))
    assert memory is not None
    assert memory.message.startswith("out of memory (")
    package = explain(ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow.parquet"))
    assert package is not None
    assert "pip install" in package.fix


def test_explain__relative_paths_without_a_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data, usage = DataError("a.jpg: no such file", fix="check the path"), UsageError("--fps 0", fix="--fps 5")
    assert explain(data) is data
    monkeypatch.setattr(Path, "cwd", lambda: (_ for _ in ()).throw(FileNotFoundError()))
    gone = explain(data)
    assert gone is not None
    assert gone.message == "the working folder no longer exists"
    assert explain(usage) is usage  # not about a path
