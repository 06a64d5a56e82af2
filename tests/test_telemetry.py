"""No telemetry: `fer` and `Predictor` leave nothing in a user's home and open no connection, ONNX Runtime included."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from PIL import Image

WATCHED_S = 30  # ONNX Runtime 1.29 to 1.31 asks for its collector after 25 s
COMMAND_LINE = "from fercli.cli.main import run; run()"
STAYING = {  # processes that go on for a while after they have read a picture
    "command line": f"""
import time
from fercli.cli.main import run
try:
    run()
except SystemExit:
    time.sleep({WATCHED_S})
""",
    "predictor": f"""
import sys, time
from fercli import Predictor
print(Predictor().image(sys.argv[2]).faces[0].label, flush=True)
time.sleep({WATCHED_S})
""",
}


def _environment(home: Path, **more: str) -> dict[str, str]:
    """An environment with an empty home, and without CI, where ONNX Runtime sends nothing by itself."""
    home.mkdir()
    unwanted = ("CI", "FER_CACHE", "XDG_", "ORT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return kept | {"HOME": str(home), "USERPROFILE": str(home)} | more


def _run(arguments: list[str], home: Path, **more: str) -> None:
    """One command line to its end, away from this checkout's files."""
    env = _environment(home, **more)
    command = [sys.executable, "-c", COMMAND_LINE, *arguments]
    subprocess.run(command, env=env, cwd=home.parent, capture_output=True, check=True)


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _traces(tmp_path: Path) -> bool:
    """Whether strace is there and may trace."""
    if shutil.which("strace") is None:
        return False
    trial = subprocess.run(["strace", "-o", str(tmp_path / "trial"), "true"], capture_output=True, check=False)
    return trial.returncode == 0


@pytest.fixture
def photo(astronaut, tmp_path: Path) -> Path:
    Image.fromarray(astronaut).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_import__sets_nothing():
    code = "import os, fercli, fercli.predictor, fercli.system.devices, fercli.cli.main; print(os.getenv('ORT_DISABLE_TELEMETRY'))"
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


@pytest.mark.slow
def test_predict__leaves_nothing_in_the_users_home(photo: Path, tmp_path: Path):
    _run(["predict", str(photo)], tmp_path / "home")
    assert _files(tmp_path / "home") == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the device id has another place")
def test_predict__keeps_the_users_choice_of_telemetry(photo: Path, tmp_path: Path):
    # what the test above looks for does appear where a user asks for it
    try:
        runtime = tuple(int(part) for part in version("onnxruntime-gpu").split(".")[:2])
    except PackageNotFoundError:
        pytest.skip("another build of ONNX Runtime")
    if runtime < (1, 29):
        pytest.skip("ONNX Runtime has no telemetry on Linux before 1.29")
    _run(["predict", str(photo)], tmp_path / "home", ORT_DISABLE_TELEMETRY="0")
    assert [Path(name).name for name in _files(tmp_path / "home")] == ["deviceid", "onnxruntime.db"]


@pytest.mark.slow
def test_predict__opens_no_connection_within_half_a_minute(photo: Path, tmp_path: Path):
    if not _traces(tmp_path):
        pytest.skip("no strace, or it may not trace: apt-get install strace")
    env = _environment(tmp_path / "home")
    running = {}
    for name, code in STAYING.items():
        trace = ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(tmp_path / name)]
        command = [*trace, sys.executable, "-c", code, "predict", str(photo)]
        running[name] = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    for name, process in running.items():
        assert "happiness" in process.communicate(timeout=600)[0]
        assert re.findall(r"^.*AF_INET.*$", (tmp_path / name).read_text(), re.M) == [], name
    assert _files(tmp_path / "home") == []
