"""Earlier versions of the default model, from the history of a clone."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode, WeightsError
from fercli.system.digest import file_sha256
from fercli.weights.files import read_card
from fercli.weights.find import find_weights
from fercli.weights.verify import verify
from fercli.weights.versions import read_versions, restore

ROOT = Path(__file__).parents[2]
OLD = {".onnx": b"old graph", ".safetensors": b"old tensors"}
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, check=True, text=True
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository whose weights were replaced since."""
    folder = tmp_path / "clone"
    (folder / "weights").mkdir(parents=True)
    git(folder, "init", "-q")
    for contents in (OLD, dict.fromkeys(OLD, b"new")):
        for suffix, content in contents.items():
            (folder / "weights" / f"toy{suffix}").write_bytes(content)
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "weights")
    return folder


@pytest.fixture
def registry_file(clone: Path, tmp_path: Path, cache: Path) -> Path:
    version = {
        "name": "toy-1",
        "blob": {suffix: git(clone, "rev-parse", f"HEAD~1:weights/toy{suffix}") for suffix in OLD},
        "sha256": {suffix: hashlib.sha256(content).hexdigest() for suffix, content in OLD.items()},
    }
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"format": 1, "weights": [], "versions": [version]}))
    return path


def test_restore__copies_both_files_and_verify_compares_their_hashes(clone: Path, registry_file: Path):
    files = restore("toy-1", clone=clone, registry=registry_file)
    assert {suffix: path.read_bytes() for suffix, path in files.items()} == OLD
    assert find_weights("toy-1") == files[".onnx"]
    assert [one.status for one in verify(["toy-1"], registry=registry_file)] == ["ok", "ok"]
    files[".onnx"].write_bytes(b"changed")
    assert [one.status for one in verify(["toy-1"], registry=registry_file)] == ["changed", "ok"]
    with pytest.raises(WeightsError, match="is not the toy-1 that was shipped"):
        restore("toy-1", clone=clone, registry=registry_file)
    assert restore("toy-1", clone=clone, registry=registry_file, overwrite=True)[".onnx"].read_bytes() == b"old graph"


def test_restore__needs_a_clone_with_the_history(registry_file: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(WeightsError, match="has no history") as caught:
            restore("toy-1", clone=folder, registry=registry_file)
        assert "fer weights restore toy-1 --clone DIR" in caught.value.fix
    with pytest.raises(WeightsError, match="no earlier version 'toy-2'"):
        restore("toy-2", registry=registry_file)


def test_restore__refuses_other_content(clone: Path, registry_file: Path):
    content = json.loads(registry_file.read_text())
    content["versions"][0]["blob"] = {suffix: git(clone, "rev-parse", f"HEAD:weights/toy{suffix}") for suffix in OLD}
    registry_file.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="is not the toy-1 that was shipped"):
        restore("toy-1", clone=clone, registry=registry_file)
    assert not read_versions(registry_file)["toy-1"].is_restored


def test_list_and_restore__as_typed(clone: Path, registry_file: Path, capsys: pytest.CaptureFixture[str]):
    registry = ["--registry", str(registry_file)]
    assert main(["weights", "list", *registry]) == ExitCode.DONE
    assert "earlier versions of the default model" in capsys.readouterr().out
    assert main(["weights", "restore", "toy-1", "--clone", str(clone), *registry]) == ExitCode.DONE
    assert "toy-1.onnx" in capsys.readouterr().out
    assert main(["weights", "list", "--json", *registry]) == ExitCode.DONE
    assert [(one["name"], one["pulled"]) for one in json.loads(capsys.readouterr().out)] == [("toy-1", True)]


def test_registry__has_every_version_before_the_shipped_one(cache: Path):
    shipped = ROOT / "weights" / "fer-compact.onnx"
    version = read_card(shipped).version
    versions = read_versions()
    assert f"fer-compact-{int(version) - 1}" in versions
    same = versions.get(f"fer-compact-{version}")
    assert same is None or same.sha256[".onnx"] == file_sha256(shipped)


@pytest.mark.slow
def test_registry__hashes_are_those_of_the_history(cache: Path):
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    for version in read_versions().values():
        if subprocess.run(
            ["git", "cat-file", "-e", version.blob[".onnx"]], cwd=ROOT, check=False, capture_output=True
        ).returncode:
            pytest.skip("needs a clone with the whole history")
        files = restore(version.name, clone=ROOT)
        assert all(read_card(path).version == version.name.rpartition("-")[2] for path in files.values())
        for path in files.values():
            path.unlink()
