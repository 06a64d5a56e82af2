"""`describe` over faked counts: which network it counts, what it writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode, RefusedError, UsageError, WeightsError
from fercli.models.counting import ModuleCount, NetworkCount
from fercli.presets import MODELS
from fercli.steps import describe as module
from fercli.steps.describe import describe, level


def count(name: str, parameters: int, macs: int = 0) -> ModuleCount:
    return ModuleCount(name, "Conv2d", ((1, 2, 3, 3),), parameters, macs, macs + 1, parameters)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, int, bool]]:
    """What was to be counted: a network of 10 parameters, 4 more in training."""
    calls: list[tuple[object, int, bool]] = []

    def fake(config: object, classes: int, *, training: bool) -> NetworkCount:
        calls.append((config, classes, training))
        parts = [count("a", 4), count("a.b", 3, 5_000_000), count("c", 6)] + ([count("d", 4)] if training else [])
        total = count("", 14 if training else 10, 7_000_000_000)
        return NetworkCount(total, tuple(parts), dead=0, frozen=4, discarded=count("landmark head", 1))

    monkeypatch.setattr(module, "count_network", fake)
    return calls


def test_describe__counts_a_preset_with_its_settings(asked):
    result = describe("btn-tiny", classes=5, settings=["cba.pe=learned"])
    (config, classes, training), (_, _, second) = asked
    assert (classes, training, second) == (5, False, True)
    assert config == module.override(MODELS["btn-tiny"], ["cba.pe=learned"])
    assert result.training_only == 4
    assert [part.name for part in result.modules] == ["a", "a.b", "c", "d"]
    assert [level(part, {"a", "a.b", "c"}) for part in result.modules[:3]] == [1, 2, 1]


def test_describe__takes_weights_as_they_are(asked):
    result = describe("fer-compact")
    assert (result.classes, result.preset) == (8, "btn-compact")
    with pytest.raises(UsageError, match="settings are fixed"):
        describe("fer-compact", settings=["cba.pe=learned"])
    with pytest.raises(UsageError, match="8 classes"):
        describe("fer-compact", classes=7)
    with pytest.raises(WeightsError, match="no weights named nothing"):
        describe("nothing")


def test_describe__writes_what_it_counted(asked, tmp_path: Path):
    describe("btn-tiny", out=tmp_path / "out")
    facts = json.loads((tmp_path / "out/describe.json").read_text())
    assert facts["parameters"] == {"total": 14, "live": 14, "training_only": 4, "inference": 10, "frozen": 4}
    with (tmp_path / "out/modules.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["module"], row["used_in"], row["output"]) for row in rows] == [
        ("a", "inference", "2x3x3"),
        ("a.b", "inference", "2x3x3"),
        ("c", "inference", "2x3x3"),
        ("d", "training", "2x3x3"),
    ]
    with pytest.raises(RefusedError):
        describe("btn-tiny", out=tmp_path / "out")


def test_command__shows_as_deep_as_asked(asked, capsys):
    assert main(["describe", "btn-tiny", "--depth", "1"]) == ExitCode.DONE
    output = capsys.readouterr().out
    assert "a.b" not in output
    assert "7.0000" in output
    assert main(["describe", "btn-tiny", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["macs"] == {"inference": 7_000_000_000, "training": 7_000_000_000}
