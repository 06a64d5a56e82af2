"""The folder of a training run is accepted wherever a command takes weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode
from fercli.media.images import write_image
from fercli.weights.files import read_card

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `faces`, `run` and `seeds`, the runs of the smallest network with one seed and with two."""
    root = tmp_path_factory.mktemp("trained")
    draw = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 4), ("test", 4)):
        for name, low in (("happiness", 0), ("sadness", 120)):
            for number in range(count):
                picture = draw.integers(low, low + 120, (48, 48, 3), dtype=np.uint8)
                write_image(root / "faces" / split / name / f"{number}.png", picture)
    small = ["--model", "btn-tiny", "--from-scratch", "--device", "cpu", "--quiet", "--set", "epochs=1"]
    small += ["--set", "batch_size=6", "--set", "sam.rho=0"]
    assert main(["train", str(root / "faces"), "-o", str(root / "run"), *small]) == ExitCode.DONE
    assert main(["train", str(root / "faces"), "-o", str(root / "seeds"), *small, "--seeds", "2"]) == ExitCode.DONE
    return root


# `export` and `bench models` take the folder of a run in tests/test_nothing_sent.py
LINES = [
    "eval RUN FACES --out OUT --quiet",
    "predict FACES/test/happiness --crops --weights RUN --quiet",
    "eval SEEDS FACES --out OUT --quiet",
    "describe RUN",
    "describe SEEDS",
    "predict FACES/test/happiness --crops --weights SEEDS --quiet",
    "calibrate SEEDS FACES OUT.safetensors --quiet",
    "export --onnx --weights SEEDS --out OUT.onnx --quiet",
    "visualize attention FACES -w SEEDS --count 2 --out OUT --quiet",
    "audit SEEDS FACES --out OUT --quiet",
    "calibrate RUN FACES OUT.safetensors --quiet",
    "weights average SEEDS/seed-0 SEEDS/seed-1 --out OUT.safetensors",
    "compare RUN SEEDS/seed-0",
    "report table4 --run RUN",
    "report table4 --run SEEDS --run other=RUN",
    "visualize attention FACES -w RUN --count 2 --out OUT --quiet",
    "audit RUN FACES --out OUT --quiet",
    "train FACES --init-from RUN --model btn-tiny --set epochs=1 --set batch_size=6 --set sam.rho=0 --out OUT --quiet",
    "train FACES --init-from RUN --teacher SEEDS/seed-0 --model btn-tiny --set epochs=1 --set batch_size=6 "
    "--set sam.rho=0 --out OUT --quiet",
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(line.split()[:3]))
def test_command__takes_the_folder_of_a_run(line: str, trained: Path, tmp_path: Path, capsys):
    words = {"RUN": trained / "run", "SEEDS": trained / "seeds", "FACES": trained / "faces", "OUT": tmp_path / "out"}
    for word, path in words.items():
        line = line.replace(word, str(path))
    assert main(line.split()) == ExitCode.DONE, capsys.readouterr().err


def test_names__of_runs_are_made_of_data_model_and_seed(trained: Path):
    names = [read_card(path).name for path in sorted(trained.glob("seeds/seed-*/last.safetensors"))]
    assert names == ["faces-btn-tiny-seed0", "faces-btn-tiny-seed1"]
    assert read_card(trained / "run" / "last.safetensors").name == "faces-btn-tiny-seed0"


def test_report__shows_the_seeds_of_a_folder_together(trained: Path, capsys):
    assert main(["report", "table4", "--run", str(trained / "seeds")]) == ExitCode.DONE
    row = next(line for line in capsys.readouterr().out.splitlines() if "measured" in line)
    assert row.startswith("| faces | faces-btn-tiny |")
    assert " ± " in row
    assert "| measured | 2 |" in row
