"""`fer doctor` as it is typed, over made-up machines."""

import dataclasses
import json
from pathlib import Path

import pytest

from fercli.cli.checkup import Checkup, Fault, FoundWeights, Gpu, Machine, Trial
from fercli.cli.main import main
from fercli.errors import ExitCode

HEALTHY = Checkup(
    fer="1.2",
    python="3.12.1",
    packages={"torch": "torch 2.9", "av": "av 16"},
    machine=Machine("Linux x86_64", 8, 4, 32.0, 1, "580.65", (Gpu("NVIDIA H100", 80.0, "9.0"),)),
    providers=("CUDAExecutionProvider", "CPUExecutionProvider"),
    codecs={"libx264": True, "aac": True},
    weights=(FoundWeights(Path("weights/fer-compact.onnx"), 11.5, "fer-compact 1: 8 classes (ferplus)"),),
    trial=Trial("fer-compact", "onnx", "cuda:0", 1.5),
    faults=(),
)


@pytest.fixture
def machine(monkeypatch):
    def put(checkup):
        monkeypatch.setattr("fercli.cli.checkup.doctor", lambda: checkup)

    return put


def test_doctor__shows_what_is_there_and_that_it_is_enough(machine, capsys):
    machine(HEALTHY)
    assert main(["doctor"]) == ExitCode.DONE
    told = capsys.readouterr()
    for text in (
        "NVIDIA H100, 80.0 GB",
        "580.65",
        "8 cores (4 used), 32.0 GB",
        "CUDAExecutionProvider",
        "on cuda:0, 1.5 ms",
    ):
        assert text in told.out
    assert "to mend" not in told.out
    assert told.err.startswith("ready")


def test_doctor__what_stops_the_main_job_ends_in_1_with_the_command_that_mends_it(machine, capsys):
    fault = Fault("av is not installed (videos)", "pip install av", blocking=True)
    machine(dataclasses.replace(HEALTHY, packages={"av": None}, faults=(fault,)))
    assert main(["doctor"]) == ExitCode.REFUSED
    told = capsys.readouterr()
    assert "pip install av" in told.out
    assert "not ready" in told.err


def test_doctor__what_only_limits_ends_in_0(machine, capsys):
    machine(dataclasses.replace(HEALTHY, faults=(Fault("no aac", "pip install av", blocking=False),)))
    assert main(["doctor"]) == ExitCode.DONE
    assert "limits fer" in capsys.readouterr().out


def test_doctor__json_says_all_in_one_line(machine, capsys):
    machine(HEALTHY)
    assert main(["doctor", "--json"]) == ExitCode.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["ready"] is True
    assert told["machine"]["gpus"][0]["name"] == "NVIDIA H100"
