"""Numbers that are not finite, a full disk, too little memory: the messages, and what stays on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch

from fercli.config.training import SamConfig, TrainConfig
from fercli.data.dataset import Dataset
from fercli.errors import RefusedError
from fercli.progress import TrainEvent
from fercli.train.options import TrainOptions
from fercli.train.train import train
from fercli.weights.checkpoint import load_checkpoint
from fercli.weights.files import load_weights
from fercli.weights.run_folder import RunConfig

CPU = TrainOptions(device="cpu")
ConfigOf = Callable[..., RunConfig]
StopAfter = Callable[[int], Callable[[TrainEvent], None]]


def test_train__a_loss_that_is_not_finite_ends_the_run_with_a_fix(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    wild = replace(recipe, lr=1e30, optimizer="sgd", schedule="constant", warmup_epochs=0.0, grad_clip=0.0)
    with pytest.raises(RefusedError, match="loss became") as caught:
        train(faces, tmp_path / "run", config=config_of(wild), options=replace(CPU, save_every_s=0))
    assert "lr" in caught.value.fix
    saved = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert np.isfinite(saved["state"]["sums"]["loss"]), "the last checkpoint is from before"
    assert all(torch.isfinite(value).all() for value in saved["model"].values())


def test_train__a_second_pass_that_is_not_finite_ends_the_run_before_the_weights_move(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    # SAM's first pass is finite; the second uses weights that are 1e30 away
    good = replace(recipe, epochs=1, lr=1e-9, ema=0.0)
    train(faces, tmp_path / "run", config=config_of(good), options=CPU)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["train"].update(epochs=2, sam={**config["train"]["sam"], "rho": 1e30})
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    wild = config_of(replace(good, epochs=2, sam=SamConfig(rho=1e30)))
    with pytest.raises(
        RefusedError, match=r"epoch 2, step 1: .* became (nan|inf); .*checkpoint\.pt is intact"
    ) as caught:
        train(faces, tmp_path / "run", config=wild, options=replace(CPU, resume=True, save_every_s=0))
    assert "sam.rho" in caught.value.fix
    assert str(tmp_path / "run" / "last.safetensors") in caught.value.fix
    for state in (
        load_checkpoint(tmp_path / "run" / "checkpoint.pt")["model"],
        load_weights(tmp_path / "run" / "last.safetensors")[0],
    ):
        assert all(torch.isfinite(value).all() for value in state.values())


def test_train__a_step_too_large_for_its_weights_is_not_saved(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    # a finite loss and gradient, but a step of 1e38 times the gradient; it is the epoch's last, so no later loss shows it
    recipe = replace(recipe, epochs=1, batch_size=8, lr=1e38, optimizer="sgd", schedule="constant", warmup_epochs=0.0)
    recipe = replace(recipe, grad_clip=0.0, loss=replace(recipe.loss, vit=1e3), sam=SamConfig(rho=0.0))
    with pytest.raises(RefusedError, match="the weights became infinite; no checkpoint had been saved"):
        train(faces, tmp_path / "run", config=config_of(recipe), options=replace(CPU, save_every_s=0))
    assert not list((tmp_path / "run").glob("*.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/3: file write failed"),
    ],
)
def test_train__a_full_disk_is_reported_and_leaves_the_last_checkpoint(
    config_of: ConfigOf, faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
):
    writes = []

    def save(state: object, file: BinaryIO, *, real: Callable[..., None] = torch.save) -> None:
        writes.append(file)
        if len(writes) == 3:
            file.write(b"a beginning")
            raise fault
        real(state, file)

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(RefusedError, match=r"disk.* is full") as caught:
        train(faces, tmp_path / "run", config=config_of(), options=replace(CPU, save_every_s=0))
    assert "--resume" in caught.value.fix
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["state"]["epoch"] == 1
    assert not list((tmp_path / "run").glob(".*part*"))
    monkeypatch.undo()
    assert train(faces, tmp_path / "run", config=config_of(), options=replace(CPU, resume=True)).epochs == 2


def test_train__too_little_memory_reports_how_to_need_less(
    config_of: ConfigOf, faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def step(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("fercli.train.optimisation_step.OptimisationStep.__call__", step)
    with pytest.raises(RefusedError, match=r"epoch 1, step 1: out of memory with 6 images") as caught:
        train(faces, tmp_path / "run", config=config_of(), options=CPU)
    assert "--set accumulate=2" in caught.value.fix
    assert "last.safetensors" not in caught.value.fix


def test_train__scores_in_parts_of_a_step_and_reports_too_little_memory(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    batch_sizes = []

    def predict(model: object, images: torch.Tensor) -> torch.Tensor:
        batch_sizes.append(len(images))
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("fercli.train.scoring.predict_logits", predict)
    recipe = replace(recipe, epochs=1, accumulate=3, sam=SamConfig(rho=0.0))
    with pytest.raises(RefusedError, match="scoring the val images: out of memory with 6 images") as caught:
        train(faces, tmp_path / "run", config=config_of(recipe), options=CPU)
    assert batch_sizes == [2]  # a third of 6
    assert "--set accumulate=6" in caught.value.fix
