"""The mean of the weights of several runs: values, card, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fercli.cli.main import main
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.errors import RefusedError, UsageError, WeightsError
from fercli.models.btn import BTN
from fercli.system.digest import file_sha256
from fercli.weights.average import average
from fercli.weights.card import WeightsCard
from fercli.weights.conventions import Convention
from fercli.weights.files import load_weights, save_weights

CARD = WeightsCard(
    "toy", "1", ("happiness", "neutral"), "toy", template("arcface"), MODELS["btn-tiny"], temperature=3.0, licence="MIT",
    scores={"val": {}},
)  # fmt: skip


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    paths = []
    for seed in range(2):
        torch.manual_seed(seed)
        state = BTN(MODELS["btn-tiny"], 2, training_parts=False).state_dict()
        paths.append(tmp_path / f"{seed}.safetensors")
        save_weights(paths[-1], state, replace(CARD, provenance={"seed": seed}))
    return paths


def test_average__is_the_mean_of_every_tensor_and_records_the_files(runs: list[Path], tmp_path: Path):
    card = average([*runs, runs[0]], tmp_path / "mean.safetensors")
    mean, stored = load_weights(tmp_path / "mean.safetensors")
    one, other = (load_weights(path)[0] for path in runs)
    for key, tensor in mean.items():
        expected = (2 * one[key] + other[key]) / 3 if tensor.is_floating_point() else one[key]
        torch.testing.assert_close(tensor, expected)
    assert stored == card
    assert (card.temperature, card.scores, card.licence) == (1.0, {}, "MIT")
    assert card.provenance["averaged"] == [
        {"file": path.name, "sha256": file_sha256(path), "provenance": {"seed": seed}}
        for seed, path in ((0, runs[0]), (1, runs[1]), (0, runs[0]))
    ]


def test_average__refuses_weights_that_do_not_match(runs: list[Path], tmp_path: Path):
    with pytest.raises(UsageError, match="two weights files or more"):
        average(runs[:1], tmp_path / "mean.safetensors")
    with pytest.raises(UsageError, match=r"must end in \.safetensors"):
        average(runs, tmp_path / "mean.onnx")
    with pytest.raises(RefusedError):
        average(runs, runs[0])
    state, card = load_weights(runs[1])
    save_weights(tmp_path / "turned.safetensors", state, replace(card, labels=card.labels[::-1]))
    with pytest.raises(WeightsError, match="differ in labels"):
        average([runs[0], tmp_path / "turned.safetensors"], tmp_path / "mean.safetensors")


def test_average__is_a_command(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["weights", "average", *map(str, runs), "--out", str(tmp_path / "mean.safetensors")]) == 0
    assert (tmp_path / "mean.safetensors").is_file()
    assert "fer calibrate" in capsys.readouterr().err


def test_average__forgets_the_calibration_of_every_convention(tmp_path: Path):
    config = replace(CARD.model, conventions=("posed",))
    posed = Convention("posed", temperature=5.0, abstain_below=0.4, scores={"val": {}})
    card = replace(CARD, model=config, convention="mixed", conventions=(posed,))
    state = BTN(config, 2, training_parts=False).state_dict()
    for name in ("a", "b"):
        save_weights(tmp_path / f"{name}.safetensors", state, card)
    mean = average([tmp_path / "a.safetensors", tmp_path / "b.safetensors"], tmp_path / "mean.safetensors")
    assert mean.conventions == (Convention("posed", abstain_below=0.4),)
