"""What is recorded of the machine and of the package's git revision."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

from fercli.system.environment import environment, git_revision


def test_environment__names_the_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Some GPU {device.index}")
    values = environment(torch.device("cuda:1"))
    assert (values["device"], values["gpu"]) == ("cuda:1", "Some GPU 1")
    assert values["cuda"] == torch.version.cuda
    assert values["packages"]["torch"] == torch.__version__.partition("+")[0] or "+" in values["packages"]["torch"]


def test_environment__without_torch_has_no_device():
    assert not {"device", "gpu", "cuda", "threads"} & environment().keys()


def git(folder: Path, *arguments: str) -> str:
    name = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    return subprocess.run(
        ["git", *name, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_git_revision__is_that_of_the_package_and_not_of_a_repository_around_it(tmp_path: Path):
    package, installed = tmp_path / "package", tmp_path / ".venv" / "package"
    for folder in (package, installed):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
    assert git_revision(package) is None, "no repository"
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "package")
    git(tmp_path, "commit", "--quiet", "--message", "First")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_revision(package) == commit
    assert git_revision(installed) is None, "a repository around it does not track it"
    (tmp_path / "other.txt").write_text("beside the package")
    assert git_revision(package) == commit
    (package / "__init__.py").write_text("changed = True\n")
    assert git_revision(package) == f"{commit}-dirty"
