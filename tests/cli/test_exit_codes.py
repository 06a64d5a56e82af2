"""Every exit code comes out of a real command line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode

ASTRONAUT = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"


def test_done__by_the_version():
    assert main(["--version"]) == ExitCode.DONE


def test_refused__by_an_output_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "model.safetensors"
    out.write_bytes(b"mine")
    assert main(["convert", "checkpoint.pth", str(out)]) == ExitCode.REFUSED
    assert "--overwrite" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["export"],
        ["train", "DATA", "--model", "btn-huge"],
        ["train", "DATA", "--set", "epocs=3"],
        ["convert", "checkpoint.pth", "model.onnx"],
    ],
    ids=" ".join,
)
def test_usage__by_what_makes_no_sense(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == ExitCode.USAGE
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("fix: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "missing.jpg"],
        ["predict", "EMPTY"],
        ["align", "missing", "out"],
        ["align", "EMPTY", "out"],
        ["eval", "fer-compact", "missing"],
        ["data", "prepare", "fer2013", "missing.csv", "out"],
    ],
    ids=" ".join,
)
def test_data__by_what_is_not_there(arguments: list[str], tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("EMPTY").mkdir()
    assert main(arguments) == ExitCode.DATA
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("fix: ")


def test_data__by_a_text_file_named_jpg(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "note.jpg").write_text("not a picture")
    assert main(["align", str(photos), str(tmp_path / "faces")]) == ExitCode.DATA
    assert "note.jpg: not a picture" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["broken.onnx", "broken.safetensors", "missing.onnx", "no-such-model"])
def test_weights__by_a_file_that_is_none(name: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    Path("broken.onnx").write_bytes(b"not an ONNX file")
    Path("broken.safetensors").write_bytes(b"not a safetensors file")
    assert main(["predict", str(ASTRONAUT), "--weights", name]) == ExitCode.WEIGHTS
    assert name.partition(".")[0] in capsys.readouterr().err


def test_device__by_a_gpu_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["align", str(ASTRONAUT.parent), str(tmp_path / "out"), "--device", "cuda:99"]
    assert main(arguments) == ExitCode.DEVICE
    assert capsys.readouterr().err.startswith("error: device cuda:99 was requested, but ")


@pytest.mark.skipif(os.name == "nt", reason="needs a named pipe")
def test_interrupted__by_ctrl_c(tmp_path: Path):
    pipe = tmp_path / "fer2013.csv"
    os.mkfifo(pipe)
    # a shell makes its jobs in the background ignore Ctrl-C, and so every process below them: hear it again
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from fercli.cli.main import run; run()"
    command = [sys.executable, "-c", hear, "data", "prepare", "fer2013", str(pipe), str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        try:
            writing = _open_when_read(pipe, running)
            running.send_signal(signal.SIGINT)
            # a signal between Python's last check and its read() sets a flag only: end the read, so that it is seen
            os.close(writing)
            _, said = running.communicate(timeout=300)
        finally:
            running.kill()
    assert running.returncode == ExitCode.INTERRUPTED
    assert said.splitlines()[-1] == "interrupted"
    assert not (tmp_path / "out").exists()


def _open_when_read(pipe: Path, running: subprocess.Popen[str]) -> int:
    """Open a named pipe for writing once the command reads from it."""
    for _ in range(3000):
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert running.poll() is None, "the command ended before it read"
            time.sleep(0.1)
    raise TimeoutError("the command did not read")
