"""What a run's folder says of the machine and of the data."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fercli.data.open import open_dataset
from fercli.errors import DataError
from fercli.weights.run_folder import data_facts, environment, git_revision


def test_environment__names_the_gpu_that_computes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Some GPU {device.index}")
    found = environment(torch.device("cuda:1"))
    assert (found["device"], found["gpu"]) == ("cuda:1", "Some GPU 1")
    assert found["cuda"] == torch.version.cuda
    assert found["packages"]["torch"] == torch.__version__.partition("+")[0] or "+" in found["packages"]["torch"]


def test_environment__without_torch_says_nothing_of_devices():
    assert not {"device", "gpu", "cuda", "threads"} & environment().keys()


def git(folder: Path, *words: str) -> str:
    name = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    return subprocess.run(["git", *name, *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


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
    assert git_revision(installed) is None, "it lies in the repository, which does not know it"
    (tmp_path / "other.txt").write_text("beside the package")
    assert git_revision(package) == commit
    (package / "__init__.py").write_text("changed = True\n")
    assert git_revision(package) == f"{commit}-dirty"


MANIFEST = """name,split,label,sha256,pixels_sha256,width,height
train/happiness/0.png,train,happiness,,,,
train/sadness/0.png,train,sadness,,,,
test/happiness/0.png,test,happiness,,,,
test/sadness/0.png,test,sadness,,,,
"""
# what sha256sum says of these lines
DIGEST = "0f60b752b708e54cdaee193ec2ad81ec3f6c7f88ddc7d9fbee67be45223b8828"


def test_data_facts__keep_the_hash_of_a_manifest_that_names_these_images(
    two_classes: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    faces = open_dataset(str(two_classes(train=1, test=1)))
    monkeypatch.chdir(tmp_path)
    assert data_facts(faces)["manifest"] is None
    named = tmp_path / "other.csv"
    named.write_text(MANIFEST)
    assert data_facts(faces, manifest=named)["manifest"] == {"file": str(named), "sha256": DIGEST}
    unnamed = Path(f"{faces.name}.manifest.csv")
    unnamed.write_text(MANIFEST)
    assert data_facts(faces)["manifest"] == {"file": str(unnamed), "sha256": DIGEST}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,split\n", "is not the manifest"),
        (MANIFEST.replace("test/sadness/0.png,test", "test/sadness/0.png,train"), "the first is test/sadness/0.png"),
        (MANIFEST.replace("train/happiness/0.png", "train/happiness/7.png"), "1 of faces are not in it"),
    ],
)
def test_data_facts__of_another_data_sets_manifest_are_refused_or_do_without(
    two_classes: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
):
    faces = open_dataset(str(two_classes(train=1, test=1)))
    monkeypatch.chdir(tmp_path)
    path = Path("faces.manifest.csv")
    path.write_text(text)
    assert data_facts(faces)["manifest"] is None
    with pytest.raises(DataError, match=message) as caught:
        data_facts(faces, manifest=path)
    assert "fer data check" in caught.value.fix
