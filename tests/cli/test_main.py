import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fercli import __version__
from fercli.cli import main as cli
from fercli.cli.commands import Fer
from fercli.errors import DataError, ExitCode

HEAVY = {"torch", "torchvision", "numpy", "cv2", "onnx", "onnxruntime", "PIL", "av", "facenet_pytorch", "safetensors"}


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch):
    """Replace the commands by one, `fer work`, that raises what it is given."""

    def install(error: BaseException) -> None:
        app = typer.Typer()
        app.callback()(cli.fer)

        @app.command()
        def work() -> None:
            raise error

        monkeypatch.setattr(cli, "app", app)

    return install


def test_version__is_the_packages(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["--version"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"fer {__version__}\n"


def test_no_arguments__show_the_help_as_a_usage_mistake(capsys: pytest.CaptureFixture[str]):
    assert cli.main([]) == ExitCode.USAGE
    output = capsys.readouterr()
    assert output.err.startswith("Usage: fer")
    assert output.out == ""


@pytest.mark.parametrize(
    ("arguments", "error", "fix"),
    [
        (["predcit", "a.jpg"], "error: No such command 'predcit'. Did you mean 'predict'?", "fix: fer --help"),
        (["data", "prepair"], "error: No such command 'prepair'. Did you mean 'prepare'?", "fix: fer data --help"),
        (
            ["predict", "--overwrit", "a.jpg"],
            "error: No such option: --overwrit (Possible options: --overwrite)",
            "fix: fer predict",
        ),
        (["predict", "--engine", "onyx", "a.jpg"], "error: Invalid value for '--engine'", "fix: fer predict --help"),
        (["align"], "error: Missing argument", "fix: fer align --help"),
    ],
)
def test_usage_mistake__is_two_lines_with_the_nearest_name(
    arguments: list[str], error: str, fix: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(arguments) == ExitCode.USAGE
    output = capsys.readouterr()
    first, second = output.err.splitlines()
    assert first.startswith(error)
    assert second.startswith(fix)
    assert output.out == ""


def test_fer_error__is_two_lines_on_stderr_and_its_exit_code(raising, capsys: pytest.CaptureFixture[str]):
    raising(DataError("faces has no manifest", fix="fer align photos faces"))
    assert cli.main(["work"]) == ExitCode.DATA
    output = capsys.readouterr()
    assert output.err == "error: faces has no manifest\nfix: fer align photos faces\n"
    assert output.out == ""


@pytest.mark.parametrize("by", ["option", "environment"])
def test_debug__adds_the_traceback(by: str, raising, capsys: pytest.CaptureFixture[str], monkeypatch):
    raising(DataError("a.jpg is not a picture", fix="another file"))
    if by == "environment":
        monkeypatch.setenv("FER_DEBUG", "1")
    assert cli.main(["--debug", "work"] if by == "option" else ["work"]) == ExitCode.DATA
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2:] == ["error: a.jpg is not a picture", "fix: another file"]


@pytest.mark.parametrize(
    ("fault", "what", "fix"),
    [
        (errno.ENOSPC, "No space left on device", "fix: check its permissions and the free space there"),
        (errno.ENOTDIR, "Not a directory", "fix: check the path"),
    ],
)
def test_fault_of_the_disk_or_a_path__is_reported_without_a_traceback(
    fault: int, what: str, fix: str, raising, capsys: pytest.CaptureFixture[str]
):
    raising(OSError(fault, os.strerror(fault), "out/a.png"))
    assert cli.main(["work"]) == ExitCode.REFUSED
    assert capsys.readouterr().err.splitlines() == [f"error: out/a.png: {what}", fix]


@pytest.mark.parametrize("error", [ValueError("bug"), OSError(errno.EIO, "bug")])
def test_unexpected_error__keeps_its_traceback(error: Exception, raising):
    raising(error)
    with pytest.raises(type(error), match="bug"):
        cli.main(["work"])


def test_ctrl_c__ends_in_130(raising, capsys: pytest.CaptureFixture[str]):
    raising(KeyboardInterrupt())
    assert cli.main(["work"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_reader_that_leaves__is_no_traceback(option: str):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "fercli", option]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode == ExitCode.REFUSED


def test_help__imports_nothing_heavy():
    script = "import sys; from fercli.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "fercli" in loaded
    assert not loaded & HEAVY
    stages = {"align.align", "evaluate.evaluate", "export.export", "predict.predict", "train.train"}
    assert not {f"fercli.{stage}" for stage in stages} & set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help__imports_no_command(arguments: list[str]):
    script = f"import sys; from fercli.cli.main import main; main({arguments}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    commands = {entry.target.partition(":")[0] for entry in Fer.entries if isinstance(entry.target, str)}
    assert len(commands) > 15
    assert not commands & set(done.stderr.split())
    assert "pydantic" not in done.stderr.split()


def test_predict__of_a_picture_loads_no_library_that_it_does_not_need():
    photo = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"
    command = f"main(['predict', {str(photo)!r}, '--json', '--quiet'])"
    script = f"import sys; from fercli.cli.main import main; {command}; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert '"label": "happiness"' in done.stdout
    of_videos_and_others = {"fercli.coding.coders", "fercli.coding.code", "fercli.faces.mtcnn", "fercli.html.pages"}
    assert {"av", "pydantic", "scipy", "rich", *of_videos_and_others} & set(done.stderr.split()) == set()


def test_module_that_fails_with_a_key_error__is_not_an_unknown_command(monkeypatch: pytest.MonkeyPatch):
    def broken(_: str) -> None:
        raise KeyError("x")

    monkeypatch.setattr("fercli.cli.lazy.import_module", broken)
    with pytest.raises(KeyError):
        cli.main(["doctor"])


@pytest.mark.slow
def test_help__takes_less_than_0_3_seconds_of_processor_time():
    # processor time, as other tests may run at the same time
    def processor_s() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-m", "fercli", "--help"], capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(processor_s() for _ in range(5)) < 0.3


def test_import_error__of_a_system_library_names_the_package_that_has_it(raising, capsys: pytest.CaptureFixture[str]):
    raising(ImportError("libGL.so.1: cannot open shared object file: No such file or directory"))
    assert cli.main(["work"]) == ExitCode.REFUSED
    lines = capsys.readouterr().err.splitlines()
    assert (
        lines[0]
        == "error: a system library is missing: libGL.so.1: cannot open shared object file: No such file or directory"
    )
    assert lines[1].startswith("fix: apt-get install -y libgl1")


def test_predict__runs_without_torch(tmp_path: Path):
    from skimage import data, io

    io.imsave(tmp_path / "astronaut.png", data.astronaut())
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['facenet_pytorch'] = None; "
        "from fercli.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["predict", str(tmp_path / "astronaut.png"), "--json", "--device", "cpu"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["label"] == "happiness"
