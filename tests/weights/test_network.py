"""Networks for inspection: from a run's checkpoint, from weights files, and their messages."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from fercli.errors import DataError, WeightsError
from fercli.weights.checkpoint import load_checkpoint
from fercli.weights.classifier import open_torch
from fercli.weights.files import load_weights, save_weights
from fercli.weights.network import load_network, require_batch_part

CROPS = np.random.default_rng(0).integers(0, 255, (5, 48, 48, 3), dtype=np.uint8)


def test_load_network__a_run_has_its_batch_part_and_the_logits_of_its_weights(make_run):
    run = make_run("run")
    network = load_network(run, device="cpu")
    assert network.has_batch_part
    require_batch_part(network, "anything")
    answers = network.logits(network.images(CROPS))
    assert answers == pytest.approx(open_torch(run / "last.safetensors", device="cpu").logits(CROPS), abs=1e-4)
    assert (
        load_network(run / "checkpoint.pt", device="cpu").description
        == network.description
        == "epoch 3 of the run, as trained"
    )


def test_load_network__has_the_card_of_the_epoch_that_it_is(make_run):
    run = make_run("run")
    state, card = load_weights(run / "last.safetensors")
    for name, temperature in (("best", 2.0), ("last", 3.0), ("test-best", 4.0)):
        save_weights(run / f"{name}.safetensors", state, replace(card, temperature=temperature))
    assert load_network(run, device="cpu").card.temperature == 3.0


def test_load_network__averaged_weights_where_the_run_averages(make_run):
    run = make_run("run", averaged=True)
    network = load_network(run, device="cpu")
    state = load_checkpoint(run / "checkpoint.pt")["model"]
    assert torch.equal(network.model.vit.head.bias, state["vit.head.bias"] + 1)
    assert "averaged" in network.description


def test_batch_embedding__gives_p_cba_by_equations_4_and_5(make_run):
    network = load_network(make_run("run"), device="cpu")
    images = network.images(CROPS)
    p_vit, embedding = network.batch_embedding(images)
    with torch.no_grad():
        output = network.model.forward_batch(images)
    mixed = np.zeros_like(p_vit)
    for n in range(3):  # class by class, as the paper writes it; s = 1 / sqrt(N)
        for i in range(5):
            scores = np.array([embedding[i, n] @ embedding[j, n] for j in range(5)]) / np.sqrt(3)
            weights = np.exp(scores - scores.max())
            mixed[i, n] = weights @ p_vit[:, n] / weights.sum()
    assert mixed == pytest.approx(output.p_cba.numpy(), abs=1e-4)
    assert p_vit == pytest.approx(output.p_vit.numpy(), abs=1e-4)


def test_require_batch_part__explains_weights_files_and_runs_without_it(make_run):
    run = make_run("run")
    with pytest.raises(WeightsError, match=r"used in training only.*last\.safetensors do not contain it") as caught:
        require_batch_part(load_network(run / "last.safetensors", device="cpu"), "the explorer")
    assert "run folder" in caught.value.fix
    with pytest.raises(WeightsError, match="trained without it"):
        require_batch_part(load_network(make_run("plain", batch=False), device="cpu"), "the explorer")


def test_load_network__broken_runs_are_named(make_run):
    run = make_run("run")
    (run / "last.safetensors").rename(run / "gone")
    with pytest.raises(DataError, match="no weights yet"):
        load_network(run, device="cpu")
    (run / "gone").rename(run / "last.safetensors")
    (run / "config.json").write_text(json.dumps({"dataset": "x"}))
    with pytest.raises(WeightsError, match=r"config\.json"):
        load_network(run, device="cpu")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_network__has_the_logits_and_embeddings_of_the_cpu_on_every_device(make_run, device):
    run = make_run("run")
    network, expected = load_network(run, device=device), load_network(run, device="cpu")
    assert network.device.type == network.images(CROPS).device.type == device
    assert network.logits(network.images(CROPS)) == pytest.approx(expected.logits(expected.images(CROPS)), abs=1e-3)
    for one, other in zip(
        network.batch_embedding(network.images(CROPS)), expected.batch_embedding(expected.images(CROPS)), strict=True
    ):
        assert one == pytest.approx(other, abs=1e-3)
