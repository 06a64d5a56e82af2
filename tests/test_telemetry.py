"""No telemetry: `fer` and `Predictor` leave nothing in a user's home and open no connection, ONNX Runtime included."""

import os
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from PIL import Image

WATCHED_S = 30  # ONNX Runtime 1.29 to 1.31 asks for its collector after 25 s
COMMAND_LINE = "from fercli.cli.main import run; run()"
PREDICTOR = f"""
import sys, time
from fercli import Predictor
print(len(Predictor().image(sys.argv[1]).faces), flush=True)
time.sleep({WATCHED_S})
"""


def _environment(home: Path, **more: str) -> dict[str, str]:
    """An environment with an empty home, and without CI, where ONNX Runtime sends nothing by itself."""
    home.mkdir()
    unwanted = ("CI", "FER_CACHE", "XDG_", "ORT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return kept | {"HOME": str(home), "USERPROFILE": str(home)} | more


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
    code = "import os, fercli, fercli.predictor, fercli.devices, fercli.cli.main; print(os.getenv('ORT_DISABLE_TELEMETRY'))"
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


@pytest.mark.slow
def test_predict__leaves_nothing_in_the_users_home(photo: Path, tmp_path: Path):
    env = _environment(tmp_path / "home")
    subprocess.run(
        [sys.executable, "-c", COMMAND_LINE, "predict", str(photo)], env=env, capture_output=True, check=True
    )
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
    env = _environment(tmp_path / "home", ORT_DISABLE_TELEMETRY="0")
    subprocess.run(
        [sys.executable, "-c", COMMAND_LINE, "predict", str(photo)], env=env, capture_output=True, check=True
    )
    assert [Path(name).name for name in _files(tmp_path / "home")] == ["deviceid", "onnxruntime.db"]


@pytest.mark.slow
def test_predict__opens_no_connection_within_half_a_minute(photo: Path, tmp_path: Path):
    if not _traces(tmp_path):
        pytest.skip("no strace, or it may not trace: apt-get install strace")
    env = _environment(tmp_path / "home")
    trace = ["strace", "-f", "-qq", "-e", "trace=network"]
    command_line = subprocess.Popen(  # a list on stdin that does not end keeps it alive
        [*trace, "-o", str(tmp_path / "command.txt"), sys.executable, "-c", COMMAND_LINE, "predict", "-", "--json"],
        **{"env": env, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True},
    )
    predictor = subprocess.Popen(
        [*trace, "-o", str(tmp_path / "predictor.txt"), sys.executable, "-c", PREDICTOR, str(photo)],
        **{"env": env, "stdout": subprocess.PIPE, "text": True},
    )
    assert command_line.stdin is not None
    command_line.stdin.write(f"{photo}\n")
    command_line.stdin.flush()
    assert predictor.communicate(timeout=300)[0] == "1\n"
    time.sleep(3)  # the command line may have started later
    assert '"label"' in command_line.communicate("", timeout=60)[0]
    for name in ("command.txt", "predictor.txt"):
        calls = (tmp_path / name).read_text()
        assert re.findall(r"^.*AF_INET.*$", calls, re.M) == [], name
    assert _files(tmp_path / "home") == []
