"""Nothing leaves the machine: every command and `Predictor`, with an empty home and the network watched.

One process runs all commands, so that its libraries load once. Python's audit events show what it tries to resolve or
connect; strace, where it may trace, shows the same of ONNX Runtime, FFmpeg and every other library, and of child processes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[1]
COMMANDS = dict(runpy.run_path(str(ROOT / "docs" / "generate_cli.py"))["commands"]())
GROUPS = {path.rpartition(" ")[0] for path in COMMANDS} - {"fer agree"}  # which is a command as well
PHOTO = str(ROOT / "docs" / "images" / "astronaut.jpg")
SHIPPED = str(ROOT / "weights" / "fer-compact.safetensors")
TINY = ["--model", "btn-tiny", "--from-scratch", "--device", "cpu", "--set", "epochs=1", "--set", "batch_size=4"]
TINY += ["--set", "loss.soft_targets=false", "--workers", "0"]

# In order, later ones read what earlier ones wrote; words in capitals are inputs, everything below OUT is output. All of
# them run with --quiet.
LINES = {
    "fer predict": [
        "predict",
        PHOTO,
        "CLIP",
        "--out",
        "OUT/rows",
        "--save",
        "OUT/rows.csv",
        "--report",
        "OUT/page.html",
    ],
    "fer summary": ["summary", "OUT/rows"],
    "fer events": ["events", "OUT/rows", "--out", "OUT/events", "--to", "elan"],
    "fer baseline": ["baseline", "OUT/rows.csv", "0:00-0:01", "--save", "OUT/corrected.csv"],
    "fer agree": ["agree", "OUT/rows/predictions.csv", "OUT/rows/predictions.csv"],
    "fer agree sample": ["agree", "sample", "OUT/rows", "--minutes", "0.1", "--segment", "1", "--out", "OUT/sample"],
    "fer merge": ["merge", "OUT/parts", "--save", "OUT/merged.csv"],
    "fer align": ["align", str(ROOT / "docs" / "images"), "OUT/aligned"],
    "fer data prepare": ["data", "prepare", "fer2013", "CSV", "OUT/prepared"],
    "fer data check": ["data", "check", "FACES", "--manifest", "OUT/manifest.csv"],
    "fer train": ["train", "FACES", *TINY, "--out", "OUT/run"],
    "fer ablate": ["ablate", "lambda", "FACES", *TINY, "--values", "2", "--seeds", "1", "--out", "OUT/ablation"],
    "fer eval": ["eval", "fer-compact", "FACES", "--out", "OUT/eval"],
    "fer compare": ["compare", "OUT/eval", "OUT/eval", "--out", "OUT/comparison"],
    "fer report": ["report", "table4", "--run", "OUT/eval"],
    "fer calibrate": ["calibrate", "OUT/run/last.safetensors", "FACES", "OUT/calibrated.safetensors"],
    "fer audit": ["audit", SHIPPED, "FACES", "--out", "OUT/audit"],
    "fer describe": ["describe", "btn-tiny"],
    "fer distill": ["distill", "FOREIGN", "FACES", "--images", "4", "--epochs", "1", "--out", "OUT/branch.safetensors"],
    "fer export": ["export", "--onnx", "--weights", "OUT/run", "--out", "OUT/run.onnx"],
    "fer convert": ["convert", "FOREIGN", "OUT/converted.safetensors"],
    "fer visualize probabilities": ["visualize", "probabilities", "FACES", "-w", SHIPPED, "--out", "OUT/shown"],
    "fer visualize scorecam": ["visualize", "scorecam", "FACES", "-w", "OUT/run", "--out", "OUT/cam", "--count", "1"],
    "fer visualize tsne": ["visualize", "tsne", "FACES", "-w", SHIPPED, "--out", "OUT/tsne", "--perplexity", "2"],
    "fer visualize attention": ["visualize", "attention", "FACES", "-w", "OUT/run", "--out", "OUT/attention"],
    "fer weights list": ["weights", "list"],
    "fer weights verify": ["weights", "verify", "fer-compact"],
    "fer weights import": ["weights", "import", "FOREIGN", "mine"],
    "fer weights average": ["weights", "average", SHIPPED, SHIPPED, "--out", "OUT/mean.safetensors"],
    "fer weights pull": ["weights", "pull", "no-such-weights"],
    "fer weights restore": ["weights", "restore", "toy-1", "--clone", "CLONE", "--registry", "REGISTRY"],
    "fer doctor": ["doctor"],
    "fer bench models": [
        "bench",
        "models",
        "OUT/run",
        "--rounds",
        "1",
        "--batch",
        "1",
        "--precision",
        "fp32",
        "--device",
        "cpu",
    ],
    "fer bench faces": ["bench", "faces", "FACES", "--rounds", "1", "--device", "cpu"],
    "fer bench video": ["bench", "video", "CLIP", "--rounds", "1"],
    "fer bench train": [
        "bench",
        "train",
        "--model",
        "btn-tiny",
        "--batch-size",
        "2",
        "--rounds",
        "1",
        "--device",
        "cpu",
    ],
    "fer bench gpu": ["bench", "gpu", "--seconds", "1"],
    "fer bench start": ["bench", "start", PHOTO, "--rounds", "1"],
    "Predictor": [],
}
# What says more than the lines above without --quiet: run before them.
MORE_LINES = {
    "parts": ["predict", "CLIP", "--out", "OUT/parts", "--shard", "1/1"],
    "first run": ["predict", PHOTO, "--out", "OUT/twice", "--pseudonyms", "OUT/key.csv"],
    "resumed run": ["predict", PHOTO, "--out", "OUT/twice", "--pseudonyms", "OUT/key.csv", "--resume"],
    "crops": ["align", str(ROOT / "docs" / "images"), "OUT/crops", "--shard", "1/1"],
    "merged crops": ["merge", "OUT/crops"],
}
QUIET = "--quiet"
# What does not end with 0 here, and why: the error comes after the command has loaded what it works with.
CODES = {
    "fer bench gpu": 5,  # without a GPU
    "fer weights pull": 4,  # a name that the registry lacks; the test below pulls a real one
    **({} if find_spec("pytorch_grad_cam") else {"fer visualize scorecam": 1}),  # its own extra
}
# Files outside of OUT and who asked for them.
MATPLOTLIB = re.compile(r"home/(\.cache|\.config)/matplotlib/.*|tmp/matplotlib-.*")

DRIVER = """
import json, sys
from pathlib import Path
events = []
def record(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"):
        target = arguments[1] if event in ("socket.connect", "socket.sendto", "socket.bind") else arguments[0]
        if isinstance(target, (str, bytes)) and event in ("socket.connect", "socket.bind"):
            return  # a socket of this machine's file system, between processes
        if event == "socket.bind" and target[0] in ("::1", "127.0.0.1"):
            return  # whether IPv6 is there, which urllib3 tries out
        events.append(f"{event} {target}")
        raise OSError("no network in this test")
sys.addaudithook(record)
from fercli.system.devices import disable_telemetry
from fercli.cli.main import main
disable_telemetry()
lines, report = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
for name, line in lines:
    before = len(events)
    print("=====", name, line, flush=True)
    print("=====", name, file=sys.stderr, flush=True)
    if name == "Predictor":
        from fercli import Predictor
        code = 0 if Predictor().image(sys.argv[3]).faces else 1
    else:
        try:
            code = main(line)
        except SystemExit as end:
            code = end.code
        except Exception as error:
            import traceback
            traceback.print_exc()
            code = f"{type(error).__name__}: {error}"
    with report.open("a") as file:
        file.write(json.dumps({"name": name, "code": code, "events": events[before:]}) + "\\n")
"""


def _is_quiet(name: str) -> bool:
    """Whether a command has --quiet."""
    context = COMMANDS.get(name)
    return context is not None and any(QUIET in parameter.opts for parameter in context.command.params)


def test_commands__are_all_run_here():
    assert {*LINES} == {*COMMANDS} - GROUPS | {"Predictor"}


def _inputs(folder: Path, foreign: ModuleType) -> dict[str, str]:
    from fercli.media.video_writer import VideoWriter

    face = Image.open(PHOTO).convert("RGB").crop((170, 50, 280, 190)).resize((100, 100))
    for split in ("train", "val", "test"):
        for label in ("happiness", "sadness"):
            (folder / "faces" / split / label).mkdir(parents=True)
            for number in range(4):
                turned = face.rotate(number + 5 * (split == "train"))
                turned.save(folder / "faces" / split / label / f"{split}{label}{number}.png")
    with (folder / "fer2013.csv").open("w", encoding="utf-8", newline="") as file:
        pixels = " ".join(map(str, np.asarray(face.convert("L").resize((48, 48))).ravel()))
        csv.writer(file).writerows(
            [
                ["emotion", "pixels", "Usage"],
                *([3, pixels, usage] for usage in ("Training", "PublicTest", "PrivateTest")),
            ]
        )
    with VideoWriter(folder / "clip.mp4") as writer:
        for number in range(12):
            writer.write(np.asarray(Image.open(PHOTO).convert("RGB").resize((320, 240))), number / 10)
    torch.save(foreign.random_state(foreign.mobilefacenet()), folder / "mobilefacenet.pth")
    return {
        "FACES": str(folder / "faces"),
        "CSV": str(folder / "fer2013.csv"),
        "CLIP": str(folder / "clip.mp4"),
        "FOREIGN": str(folder / "mobilefacenet.pth"),
        **_earlier_version(folder),
    }


def _earlier_version(folder: Path) -> dict[str, str]:
    """A clone with an earlier version of weights in its history, and the registry that lists it."""
    clone, contents = folder / "clone", {".onnx": b"graph", ".safetensors": b"tensors"}
    (clone / "weights").mkdir(parents=True)

    def git(*words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *words], cwd=clone, capture_output=True, check=True, text=True).stdout

    for suffix, content in contents.items():
        (clone / "weights" / f"toy{suffix}").write_bytes(content)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "weights")
    version = {
        "name": "toy-1",
        "blob": {suffix: git("rev-parse", f"HEAD:weights/toy{suffix}").strip() for suffix in contents},
        "sha256": {suffix: hashlib.sha256(content).hexdigest() for suffix, content in contents.items()},
    }
    (folder / "registry.json").write_text(json.dumps({"format": 1, "weights": [], "versions": [version]}))
    return {"CLONE": str(clone), "REGISTRY": str(folder / "registry.json")}


def _traces(folder: Path) -> bool:
    """Whether strace is there and may trace."""
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(
            ["strace", "-f", "--seccomp-bpf", "-o", str(folder / "trial"), "true"], capture_output=True, check=False
        ).returncode
        == 0
    )


def _files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def _environment(root: Path) -> dict[str, str]:
    for name in ("home", "tmp", "cwd"):
        (root / name).mkdir()
    unwanted = ("CI", "FER_", "XDG_", "ORT_", "MPL", "TORCH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    home, temporary = str(root / "home"), str(root / "tmp")
    kept["FER_CACHE"] = str(root / "out" / "cache")  # of imported and restored weights
    return kept | {"HOME": home, "USERPROFILE": home, "TMPDIR": temporary, "TMP": temporary, "TEMP": temporary}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, foreign: ModuleType) -> dict[str, Any]:
    """Run everything; by name what happened, and under "" what the whole process did."""
    root = tmp_path_factory.mktemp("watched")
    inputs = tmp_path_factory.mktemp("inputs")
    names = _inputs(inputs, foreign) | {"OUT": str(root / "out")}

    def filled(name: str, line: list[str]) -> list[str]:
        quiet = [QUIET] if _is_quiet(name) else []
        return [names.get(word) or re.sub(r"^OUT(?=/)", names["OUT"], word) for word in line] + quiet

    lines = [[name, filled("fer predict", line)] for name, line in MORE_LINES.items()]
    lines += [[name, filled(name, line)] for name, line in LINES.items()]
    (inputs / "lines.json").write_text(json.dumps(lines))
    command = [sys.executable, "-c", DRIVER, str(inputs / "lines.json"), str(inputs / "report"), PHOTO]
    trace = inputs / "trace"
    if _traces(inputs):
        command = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=%network", "-o", str(trace), *command]
    done = subprocess.run(
        command, env=_environment(root), cwd=root / "cwd", capture_output=True, text=True, check=False
    )
    reports = [json.loads(line) for line in (inputs / "report").read_text().splitlines()]
    assert len(reports) == len(lines), done.stderr[-3000:]
    happened: dict[str, Any] = {report["name"]: report for report in reports}
    happened[""] = {
        "stderr": done.stderr,
        "files": _files(root),
        "trace": trace.read_text() if trace.exists() else None,
    }
    return happened


@pytest.mark.slow
def test_commands__do_their_work_without_network(runs: dict[str, Any]):
    codes = {name: runs[name]["code"] for name in LINES}
    assert codes == {name: CODES.get(name, 0) for name in LINES}, runs[""]["stderr"][-6000:]


@pytest.mark.slow
def test_commands__with_quiet_write_only_warnings_and_errors(runs: dict[str, Any]):
    written = re.split(r"^===== (.*)\n", runs[""]["stderr"], flags=re.M)
    messages = dict(zip(written[1::2], written[2::2], strict=True))
    spoken = {
        name: [line for line in text.splitlines() if not line.startswith(("warning: ", "error: ", "fix: "))]
        for name, text in messages.items()
        if _is_quiet(name) or name in MORE_LINES
    }
    assert {name: lines for name, lines in spoken.items() if lines} == {}
    # those without the option have nothing but results to write
    assert {name for name in COMMANDS if not _is_quiet(name)} - GROUPS == {"fer weights verify", "fer weights restore"}


@pytest.mark.slow
def test_commands__connect_to_nothing_and_resolve_no_name(runs: dict[str, Any]):
    assert {name: runs[name]["events"] for name in LINES if runs[name]["events"]} == {}


@pytest.mark.slow
def test_libraries__open_no_connection_either(runs: dict[str, Any]):
    if runs[""]["trace"] is None:
        pytest.skip("no strace, or it may not trace: apt-get install strace")
    assert re.findall(r"^.*(?:connect|sendto|sendmsg)\(.*AF_INET.*$", runs[""]["trace"], re.M) == []


@pytest.mark.slow
def test_commands__leave_only_the_files_that_were_named(runs: dict[str, Any]):
    elsewhere = {name for name in runs[""]["files"] if not name.startswith("out/") and not MATPLOTLIB.fullmatch(name)}
    assert elsewhere == set()


@pytest.mark.slow
def test_weights_pull__is_seen_to_connect(tmp_path: Path):
    # what the tests above look for does appear where a command has to connect
    (tmp_path / "lines.json").write_text(json.dumps([["fer weights pull", ["weights", "pull", "poster-v2-rafdb"]]]))
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "lines.json"), str(tmp_path / "report"), PHOTO]
    done = subprocess.run(
        command, env=_environment(tmp_path), cwd=tmp_path / "cwd", capture_output=True, text=True, check=False
    )
    report = json.loads((tmp_path / "report").read_text())
    assert report["code"] != 0
    assert any(event.startswith("socket.getaddrinfo") for event in report["events"]), done.stderr
