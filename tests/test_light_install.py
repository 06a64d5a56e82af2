"""`pip install .` without extras: each command does its work there, or says what it needs before any work.

.ci/run sets FER_LIGHT_PYTHON to the Python of a fresh environment that has the light install. Without it the commands run in
this environment, where the modules of the extras cannot be imported.
"""

import csv
import importlib.util
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fercli.errors import ExitCode
from fercli.system.packages import OPTIONAL

ROOT = Path(__file__).parents[1]
COMMANDS = dict(runpy.run_path(str(ROOT / "docs" / "generate_cli.py"))["commands"]())
PHOTO = str(ROOT / "docs" / "images" / "astronaut.jpg")
SHIPPED = str(ROOT / "weights" / "fer-compact.safetensors")
BLOCK = """\
import sys

BLOCKED = {blocked}


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Finder())
"""

# What has to work, with something that its output has. FACES is a folder of faces, VIDEO a clip,
# ROWS a folder of fer predict, EVAL one of fer eval.
WORKS = {
    "fer predict": (["predict", PHOTO, "--out", "OUT", "--save", "OUT.csv", "--json"], '"label": "happiness"'),
    "fer summary": (["summary", "ROWS"], "happiness"),
    "fer agree sample": (["agree", "sample", "ROWS", "--minutes", "0.1", "--segment", "1", "--out", "OUT"], ""),
    "fer baseline": (["baseline", "ROWS", "0:00-0:01", "--save", "OUT.csv"], ""),
    "fer events": (["events", "ROWS"], "happiness"),
    "fer align": (["align", str(ROOT / "docs" / "images"), "OUT", "--json"], '"with_face"'),
    "fer data prepare": (["data", "prepare", "fer2013", "CSV", "OUT", "--json"], "{"),
    "fer data check": (["data", "check", "FACES", "--json"], "{"),
    "fer eval": (["eval", "fer-compact", "FACES", "--out", "OUT", "--engine", "onnx"], "all images"),
    "fer compare": (["compare", "EVAL", "EVAL"], "accuracy"),
    "fer report": (["report", "table4", "--run", "EVAL"], "fer-compact"),
    "fer weights list": (["weights", "list"], "poster-v2-rafdb"),
    "fer weights restore": (["weights", "restore", "fer-compact-5", "--clone", str(ROOT)], "fer-compact-5"),
    "fer weights verify": (["weights", "verify", "fer-compact", "--json"], '"status": "ok"'),
    "fer doctor": (["doctor"], "torch"),
    "fer bench video": (["bench", "video", "VIDEO", "--rounds", "1"], "s"),
    "fer bench start": (["bench", "start", PHOTO, "--rounds", "1"], "median"),
}
# What needs an extra, and the names of the extras in the message.
NEEDS = {
    "fer merge": (["merge", "ROWS", "--save", "OUT.csv"], "parquet"),
    "fer export": (["export", "--onnx", "--out", "OUT.onnx"], "train"),
    "fer train": (["train", "FACES", "--out", "OUT"], "train"),
    "fer distill": (["distill", SHIPPED, "FACES", "--out", "OUT.safetensors"], "train"),
    "fer ablate": (["ablate", "lambda", "FACES"], "train"),
    "fer calibrate": (["calibrate", SHIPPED, "FACES", "OUT.safetensors"], "train"),
    "fer audit": (["audit", SHIPPED, "FACES", "--out", "OUT"], "train"),
    "fer describe": (["describe", "fer-compact"], "train"),
    "fer convert": (["convert", SHIPPED, "OUT.safetensors"], "train"),
    "fer weights pull": (["weights", "pull", "poster-v2-rafdb"], "train"),
    "fer weights import": (["weights", "import", SHIPPED, "mine"], "train"),
    "fer weights average": (["weights", "average", SHIPPED, SHIPPED, "--out", "OUT.safetensors"], "train"),
    "fer visualize probabilities": (["visualize", "probabilities", "FACES", "-w", SHIPPED], "train"),
    "fer visualize scorecam": (["visualize", "scorecam", "FACES", "-w", SHIPPED], "train,visualize"),
    "fer visualize tsne": (["visualize", "tsne", "FACES", "-w", SHIPPED], "train,visualize"),
    "fer visualize attention": (["visualize", "attention", "FACES", "-w", "runs/none"], "train"),
    "fer bench models": (["bench", "models"], "train"),
    "fer bench gpu": (["bench", "gpu"], "train"),
    "fer bench faces": (["bench", "faces", str(ROOT / "docs" / "images")], "train"),
    "fer bench train": (["bench", "train"], "train"),
}
OPTIONS = [  # options that need more than their command
    (["predict", PHOTO, "--weights", SHIPPED], "train"),
    (["predict", PHOTO, "--engine", "torch"], "train"),
    (["predict", PHOTO, "--save", "OUT.parquet"], "parquet"),
    (["predict", PHOTO, "--out", "OUT", "--shard", "1/2"], "parquet"),
    (["predict", PHOTO, "--out", "OUT", "--engine", "ray"], "ray"),
    (["eval", "fer-compact", "FACES", "--engine", "torch"], "train"),
    (["eval", "fer-compact", "FACES", "--batch-check"], "train"),
]


def test_commands__are_all_listed_here():
    groups = {path.rpartition(" ")[0] for path in COMMANDS}
    assert {*WORKS, *NEEDS} == {*COMMANDS} - groups
    assert not {*WORKS} & {*NEEDS}


@pytest.fixture(scope="module")
def fer(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `fer` with the light install."""
    folder = tmp_path_factory.mktemp("light")
    environment = {**os.environ, "FER_CACHE": str(folder / "cache"), "NO_COLOR": "1", "COLUMNS": "160"}
    python = os.environ.get("FER_LIGHT_PYTHON")
    if python is None:
        (folder / "sitecustomize.py").write_text(BLOCK.format(blocked={*OPTIONAL}), encoding="utf-8")
        package = importlib.util.find_spec("fercli")
        assert package is not None
        assert package.origin is not None
        environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(Path(package.origin).parents[1])])
    else:
        environment.pop("PYTHONPATH", None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [python or sys.executable, "-m", "fercli", *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )

    return run


@pytest.fixture(scope="module")
def names(
    tmp_path_factory: pytest.TempPathFactory, fer: Callable[..., subprocess.CompletedProcess[str]]
) -> dict[str, str]:
    """The words in capitals of the command lines."""
    import av

    folder = tmp_path_factory.mktemp("data")
    face = Image.open(PHOTO).convert("RGB").crop((170, 50, 280, 190)).resize((100, 100))
    for split in ("train", "test"):
        for label in ("happiness", "sadness"):
            (folder / "faces" / split / label).mkdir(parents=True)
            for number in range(4):
                face.rotate(number + 5 * (split == "train")).save(
                    folder / "faces" / split / label / f"{split}{label}{number}.png"
                )
    with (folder / "fer2013.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["emotion", "pixels", "Usage"])
        for usage in ("Training", "PublicTest", "PrivateTest"):
            rows.writerow(
                [3, " ".join(str(value) for value in np.asarray(face.convert("L").resize((48, 48))).ravel()), usage]
            )
    with av.open(str(folder / "clip.mp4"), "w") as video:
        stream: Any = video.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(12):
            frame = av.VideoFrame.from_ndarray(np.asarray(Image.open(PHOTO).convert("RGB").resize((320, 240))))
            video.mux(stream.encode(frame))
        video.mux(stream.encode())
    done = fer("eval", "fer-compact", str(folder / "faces"), "--out", str(folder / "eval"), "--quiet")
    assert done.returncode == 0, done.stderr
    done = fer("predict", str(folder / "clip.mp4"), "--out", str(folder / "rows"), "--quiet")
    assert done.returncode == 0, done.stderr
    return {
        "ROWS": str(folder / "rows"),
        "FACES": str(folder / "faces"),
        "CSV": str(folder / "fer2013.csv"),
        "VIDEO": str(folder / "clip.mp4"),
        "EVAL": str(folder / "eval"),
    }


def filled(arguments: list[str], names: dict[str, str], tmp_path: Path) -> list[str]:
    """The arguments with paths for the words in capitals."""
    return [names.get(word) or word.replace("OUT", str(tmp_path / "out")) for word in arguments]


@pytest.mark.slow
@pytest.mark.parametrize("command", WORKS)
def test_light_install__does_the_work_of(command, fer, names, tmp_path: Path):
    arguments, expected = WORKS[command]
    done = fer(*filled(arguments, names, tmp_path))
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "Traceback" not in done.stderr
    assert expected in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "extra"), [*NEEDS.values(), *OPTIONS], ids=lambda value: " ".join(value)[:40])
def test_light_install__names_the_extra_that_is_needed(arguments, extra, fer, names, tmp_path: Path):
    if not isinstance(extra, str):
        raise TypeError(extra)
    done = fer(*filled(arguments, names, tmp_path))
    assert done.returncode == ExitCode.REFUSED, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("error: ")
    assert "not installed" in lines[0]
    assert f'pip install "fercli[{extra}]"' in lines[1]
    assert [*tmp_path.iterdir()] == [], "nothing was written"


@pytest.mark.slow
def test_light_install__evaluates_without_plots_and_says_so(fer, names, tmp_path: Path):
    done = fer("eval", "fer-compact", names["FACES"], "--out", str(tmp_path / "out"), "--engine", "onnx")
    assert "no plots" in done.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    assert not list((tmp_path / "out").glob("*.png"))
    assert json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["dataset"]


@pytest.mark.slow
def test_light_install__has_help_for_every_command(fer):
    done = fer("--help")
    assert done.returncode == 0
    assert all(path.split()[1] in done.stdout for path in COMMANDS if " " in path)
