"""`fer convert` as it is typed."""

import json

import pytest
import torch

from fercli.cli.main import main
from fercli.errors import ExitCode
from fercli.weights.foreign.convert import ConvertReport


@pytest.fixture
def report(tmp_path, monkeypatch):
    made = ConvertReport(
        source=tmp_path / "raf.pth",
        out=tmp_path / "raf.safetensors",
        format="poster_v2",
        part="model",
        parameters=43_753_941,
        renamed={"vit.head.weight": "VIT.head.linear.weight"},
        dropped={"VIT.CON1.weight": "never used", "VIT.IRLinear1.bias": "never used"},
        labels=("surprise", "fear"),
        statistics_faces=0,
    )
    monkeypatch.setattr("fercli.weights.foreign.convert.convert", lambda source, out, **options: made)
    return made


def test_convert__counts_matched_and_dropped(report, capsys):
    assert main(["convert", str(report.source), str(report.out), "--labels", "rafdb"]) == ExitCode.DONE
    output = capsys.readouterr()
    rows = [line.split() for line in output.out.splitlines()]
    assert ["converted", "1", "renamed", "to", "BTN's", "names"] in rows
    assert ["dropped", "2", "never", "used"] in rows
    assert "classes: surprise, fear" in output.err


def test_convert__json_maps_names_to_the_original_ones(report, capsys):
    assert main(["convert", str(report.source), str(report.out), "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["renamed"] == {"vit.head.weight": "VIT.head.linear.weight"}


def test_convert__a_text_file_is_a_weights_error_in_two_lines(tmp_path, capsys):
    (tmp_path / "notes.pth").write_text("hello")
    assert main(["convert", str(tmp_path / "notes.pth"), str(tmp_path / "out.safetensors")]) == ExitCode.WEIGHTS
    assert capsys.readouterr().err.splitlines() == [
        f"error: {tmp_path / 'notes.pth'} is not a torch checkpoint",
        "fix: a checkpoint ends in .pth, .pt or .tar",
    ]


def test_convert__the_baselines_broken_best_file_is_a_weights_error(tmp_path, capsys):
    torch.save({"state": {}, "param_groups": []}, tmp_path / "model_best.pth")
    assert main(["convert", str(tmp_path / "model_best.pth"), str(tmp_path / "out.safetensors")]) == ExitCode.WEIGHTS
    assert "optimizer's state and no model" in capsys.readouterr().err
