"""The certificate on runs that are made to depend on the batch, and on a network that must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.data.dataset import Sample
from fercli.evaluate.batch_check import batch_check, compositions, p_cba_of, weights_files
from fercli.evaluate.dataset_predictions import DatasetPredictions
from fercli.models.btn import BTN
from fercli.weights.card import WeightsCard
from fercli.weights.files import load_weights, save_weights
from fercli.weights.network import load_network

CROPS = np.random.default_rng(0).integers(0, 256, (10, 2, 2, 3), np.uint8)
TRUTH = np.arange(10) % 3


def honest(crops: np.ndarray) -> np.ndarray:
    return crops.reshape(len(crops), -1)[:, :3].astype(np.float32)


def cheating(crops: np.ndarray) -> np.ndarray:
    logits = honest(crops)
    return logits + 5 * logits.mean(axis=0)  # reads the batch


def test_compositions__of_a_run_that_reads_only_its_image_do_not_differ():
    found = list(compositions(honest, CROPS, TRUTH, seed=0, batch_size=4))
    assert [item.name for item in found] == [
        "one by one", "in order", "sorted by class", "shuffled, 1", "shuffled, 2", "shuffled, 3", "all at once",
    ]  # fmt: skip
    assert [item.batch_size for item in found] == [1, 4, 4, 4, 4, 4, 10]
    assert {item.max_difference for item in found} == {0.0}
    assert {item.changed for item in found} == {0}
    expected = (honest(CROPS).argmax(axis=1) == TRUTH).mean()
    assert {item.accuracy for item in found} == {expected}


def test_compositions__expose_a_run_that_reads_the_batch():
    found = {item.name: item for item in compositions(cheating, CROPS, TRUTH, seed=0, batch_size=4)}
    first = honest(CROPS)[:4]
    assert found["in order"].max_difference >= np.abs(first.mean(axis=0) - first[0]).max() - 1e-6
    assert found["one by one"].max_difference == 0.0
    assert found["all at once"].changed > 0


@pytest.fixture
def weights(tmp_path):
    config = MODELS["btn-tiny"]
    torch.manual_seed(0)
    model = BTN(config, 3).eval()
    card = WeightsCard("toy", "1", ("fear", "anger", "neutral"), "toy", template("arcface"), config)
    save_weights(tmp_path / "toy.safetensors", model.inference_state(), card)
    return tmp_path / "toy.safetensors"


def test_weights_files__of_a_path_are_itself_and_the_one_of_the_other_format(weights):
    assert list(weights_files(weights)) == [".safetensors"]
    other = weights.with_suffix(".onnx")
    other.touch()
    assert weights_files(weights) == weights_files(other) == {".onnx": other, ".safetensors": weights}
    assert set(weights_files("fer-compact")) == {".onnx", ".safetensors"}


@pytest.mark.slow
def test_batch_check__certifies_p_vit_and_shows_p_cba_depend(weights, tmp_path):
    from PIL import Image

    random = np.random.default_rng(1)
    samples = []
    for number in range(8):
        Image.fromarray(random.integers(0, 255, (48, 48), np.uint8)).save(tmp_path / f"{number}.png")
        samples.append(Sample(tmp_path / f"{number}.png", "test", number % 3))
    predictions = DatasetPredictions(
        tuple(samples), ("fear", "anger", "neutral"), np.arange(8) % 3, np.zeros((8, 3), np.float32), 1.0
    )
    check = batch_check(weights, predictions, range(8), device="cpu", seed=0, progress=lambda *_: None)
    assert check.passed
    assert [item.engine for item in check.engines] == ["torch"]
    assert check.contrast is not None
    assert check.contrast.max_difference > 100 * check.engines[0].max_difference
    assert check.batch_part.startswith("untrained")
    assert check.missing is not None


def test_p_cba_of__is_the_checkpoint_whole_and_never_half_of_another_epoch(make_run):
    run = make_run("run")
    state, card = load_weights(run / "last.safetensors")
    best = run / "best.safetensors"
    save_weights(best, {key: value * 0.5 for key, value in state.items()}, replace(card, scores={"epoch": 2}))
    card = load_weights(best)[1]
    p_cba, description = p_cba_of(best, card, seed=0)
    assert description == "trained, the whole network from epoch 3 of the run, as trained; P_VIT is of epoch 2"
    crops = np.random.default_rng(0).integers(0, 255, (4, 48, 48, 3), dtype=np.uint8)
    whole = load_network(run, device="cpu")
    with torch.inference_mode():
        expected = whole.model.forward_batch(whole.images(crops)).p_cba
    assert p_cba(crops) == pytest.approx(expected.numpy(), rel=1e-5, abs=1e-5)  # float32 logits of about 7
    other = replace(card, labels=("fear", "anger", "neutral"))  # weights of something else that lie there
    assert p_cba_of(best, other, seed=0)[1].startswith("untrained")


def test_p_cba_of__of_a_run_without_a_batch_part_is_untrained(make_run):
    weights = make_run("plain", batch=False) / "last.safetensors"
    assert p_cba_of(weights, load_weights(weights)[1], seed=0)[1].startswith("untrained")
