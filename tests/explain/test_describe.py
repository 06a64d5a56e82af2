"""`describe` over faked counts: which network it counts, what it writes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.config.presets import MODELS, RECIPES
from fercli.config.training import LossConfig
from fercli.errors import ExitCode, RefusedError, UsageError, WeightsError
from fercli.explain import describe as module
from fercli.explain.describe import describe, level
from fercli.models.counting import ModuleCount, NetworkCount
from fercli.models.state_keys import StateKey
from fercli.weights.files import read_card
from fercli.weights.find import find_weights


def count(name: str, parameters: int, macs: int = 0) -> ModuleCount:
    return ModuleCount(name, "Conv2d", ((1, 2, 3, 3),), parameters, macs, macs + 1, parameters)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, int, LossConfig | None]]:
    """What was to be counted: a network of 10 parameters, 4 more in training."""
    calls: list[tuple[object, int, LossConfig | None]] = []

    def fake(config: object, classes: int, *, training: LossConfig | None) -> NetworkCount:
        calls.append((config, classes, training))
        parts = [count("a", 4), count("a.b", 3, 5_000_000), count("c", 6)] + ([count("d", 4)] if training else [])
        total = count("", 14 if training else 10, 7_000_000_000)
        return NetworkCount(total, tuple(parts), dead=0, frozen=4, discarded=count("landmark head", 1))

    monkeypatch.setattr(module, "count_network", fake)
    listed = (
        StateKey("a.weight", (4, 3, 1, 1), "float32", "frozen", "inference"),
        StateKey("d.seen", (), "int64", "buffer", "training"),
    )
    monkeypatch.setattr(module, "state_keys", lambda config, classes, loss: listed)
    return calls


def test_describe__counts_a_preset_with_its_settings(asked):
    result = describe("btn-tiny", classes=5, settings=["cba.pe=learned"])
    (config, classes, training), (_, _, second) = asked
    assert (classes, training) == (5, None)
    assert second == RECIPES["compact"].loss
    assert config == module.override(MODELS["btn-tiny"], ["cba.pe=learned"])
    assert result.training_only == 4
    assert [part.name for part in result.modules] == ["a", "a.b", "c", "d"]
    assert [level(part, {"a", "a.b", "c"}) for part in result.modules[:3]] == [1, 2, 1]


def test_describe__takes_weights_as_they_are(asked):
    result = describe("fer-compact")
    assert (result.classes, result.preset) == (8, "btn-compact")
    with pytest.raises(UsageError, match="recipe and settings are fixed"):
        describe("fer-compact", settings=["cba.pe=learned"])
    with pytest.raises(UsageError, match="recipe"):
        describe("fer-compact", recipe="compact")
    with pytest.raises(UsageError, match="8 classes"):
        describe("fer-compact", classes=7)
    with pytest.raises(WeightsError, match="no weights named nothing"):
        describe("nothing")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("btn-compact", {}, LossConfig(soft_targets=True, image=1.0)),
        ("btn-base", {}, LossConfig()),
        ("btn-base", {"recipe": "compact"}, LossConfig(soft_targets=True, image=1.0)),
        ("btn-compact", {"settings": ["loss.image=0", "loss.bt=0"]}, LossConfig(soft_targets=True, bt=0.0)),
    ],
)
def test_describe__counts_in_training_what_a_presets_recipe_needs(asked, name, options, expected):
    describe(name, **options)
    assert [training for _, _, training in asked] == [None, expected]


def test_describe__counts_in_training_what_the_recipe_of_weights_needed(asked, tmp_path: Path, monkeypatch):
    card = read_card(find_weights("fer-compact"))
    for recipe, expected in (
        ({"loss": {"image": 0.5, "cba": 0.0, "of_another_version": 1}}, LossConfig(image=0.5, cba=0.0)),
        (None, LossConfig()),  # weights that were converted
    ):
        asked.clear()
        monkeypatch.setattr(
            module, "read_card", lambda path, recipe=recipe: replace(card, provenance={"recipe": recipe})
        )
        describe("fer-compact")
        assert [training for _, _, training in asked] == [None, expected]


def test_command__lists_the_state_dict(asked, capsys):
    assert main(["describe", "btn-tiny", "--keys"]) == ExitCode.DONE
    output = capsys.readouterr().out
    assert "btn-tiny (btn-tiny): 7 classes, 2 entries" in output
    assert output.split("a.weight")[1].split()[:5] == ["4x3x1x1", "float32", "frozen", "12", "inference"]


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
    assert (tmp_path / "out/keys.csv").read_text() == (
        "key,shape,dtype,kind,used_in\na.weight,4x3x1x1,float32,frozen,inference\nd.seen,,int64,buffer,training\n"
    )
    assert [key["name"] for key in facts["keys"]] == ["a.weight", "d.seen"]
    with pytest.raises(RefusedError):
        describe("btn-tiny", out=tmp_path / "out")


def test_command__lists_the_requested_levels(asked, capsys):
    assert main(["describe", "btn-tiny", "--depth", "1"]) == ExitCode.DONE
    output = capsys.readouterr().out
    assert "a.b" not in output
    assert "7.0000" in output
    assert main(["describe", "btn-tiny", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["macs"] == {"inference": 7_000_000_000, "training": 7_000_000_000}
