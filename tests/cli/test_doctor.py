"""`fer doctor` as it is typed, for invented machines."""

import dataclasses
import json
from pathlib import Path

import pytest

from fercli.cli.checkup import Checkup, Fault, Gpu, LocalWeights, Machine, Trial
from fercli.cli.main import main
from fercli.errors import ExitCode

HEALTHY = Checkup(
    fer="1.2",
    python="3.12.1",
    packages={"torch": "torch 2.9", "av": "av 16"},
    machine=Machine("Linux x86_64", 8, 4, 32.0, 1, "580.65", (Gpu("NVIDIA H100", 80.0, "9.0"),)),
    providers=("CUDAExecutionProvider", "CPUExecutionProvider"),
    codecs={"libx264": True, "aac": True},
    weights=(LocalWeights(Path("weights/fer-compact.onnx"), 11.5, "fer-compact 1: 8 classes (ferplus)"),),
    trial=Trial("fer-compact", "onnx", "cuda:0", 1.5),
    faults=(),
)


@pytest.fixture
def machine(monkeypatch):
    def put(checkup):
        monkeypatch.setattr("fercli.cli.checkup.check_installation", lambda: checkup)

    return put


def test_doctor__shows_the_installation_and_that_it_is_ready(machine, capsys):
    machine(HEALTHY)
    assert main(["doctor"]) == ExitCode.DONE
    output = capsys.readouterr()
    for text in (
        "NVIDIA H100, 80.0 GB",
        "580.65",
        "8 cores (4 used), 32.0 GB",
        "CUDAExecutionProvider",
        "on cuda:0, 1.5 ms",
    ):
        assert text in output.out
    assert "problems" not in output.out
    assert output.err.startswith("ready")


def test_doctor__an_error_ends_in_1_with_its_fix(machine, capsys):
    fault = Fault("av is not installed (videos)", "pip install av", blocking=True)
    machine(dataclasses.replace(HEALTHY, packages={"av": None}, faults=(fault,)))
    assert main(["doctor"]) == ExitCode.REFUSED
    output = capsys.readouterr()
    assert "pip install av" in output.out
    assert "not ready" in output.err


def test_doctor__a_warning_ends_in_0(machine, capsys):
    machine(dataclasses.replace(HEALTHY, faults=(Fault("no aac", "pip install av", blocking=False),)))
    assert main(["doctor"]) == ExitCode.DONE
    assert "warning" in capsys.readouterr().out


def test_doctor__json_is_one_line(machine, capsys):
    machine(HEALTHY)
    assert main(["doctor", "--json"]) == ExitCode.DONE
    output = json.loads(capsys.readouterr().out)
    assert output["ready"] is True
    assert output["machine"]["gpus"][0]["name"] == "NVIDIA H100"
