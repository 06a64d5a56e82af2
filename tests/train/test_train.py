"""A whole small run: what it leaves, that resuming is exact, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch

from fercli.config.presets import MODELS, RECIPES
from fercli.config.settings import override
from fercli.config.training import LossConfig, SamConfig, TrainConfig
from fercli.data.dataset import Dataset
from fercli.data.open import open_dataset
from fercli.errors import DataError, RefusedError, UsageError, WeightsError
from fercli.evaluate.prediction_table import read_predictions
from fercli.evaluate.result_file import predictions_path
from fercli.progress import EpochReport, StepProgress, TrainEvent, TrainNote
from fercli.system.digest import file_sha256
from fercli.train.command import train
from fercli.train.journal import Journal
from fercli.train.seeds import train_seeds
from fercli.weights.checkpoint import load_checkpoint, save_checkpoint
from fercli.weights.files import load_weights, save_weights
from fercli.weights.run_folder import RunConfig

RECIPE = replace(
    RECIPES["compact"],
    epochs=2,
    batch_size=6,
    ema=0.9,
    validation=0.34,
    loss=LossConfig(soft_targets=False),
    sam=SamConfig(rho=0.05),
)


@pytest.fixture
def faces(two_classes: Callable[..., Path]) -> Dataset:
    """12 images to train on, 4 to test on, no validation split."""
    return open_dataset(str(two_classes(train=6, test=2)))


def told(recipe: TrainConfig = RECIPE) -> RunConfig:
    return RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=recipe, init=())


def test_train__leaves_weights_with_card_log_and_scores(faces: Dataset, tmp_path: Path, fits_schema):
    result = train(faces, tmp_path / "run", config=told(), device="cpu")
    state, card = load_weights(result.weights)
    assert card.labels == ("happiness", "sadness")
    assert card.model == MODELS["btn-tiny"]
    assert card.temperature == pytest.approx(result.temperature)
    assert not [name for name in state if name.startswith("batch.")]
    assert [score.split for score in result.scores] == ["val", "test"]
    # 34 % of six images a class are two: eight are left to train on
    assert [score.images for score in result.scores] == [4, 4]
    assert card.data["train_images"] == 8
    assert "34%" in result.selected_by
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["epochs"] == 2
    record = json.loads((tmp_path / "run" / "result.json").read_text())
    fits_schema(record)
    assert record["epoch"] == result.epoch
    predictions = read_predictions(predictions_path(tmp_path / "run"))  # of the test split, as fer compare reads them
    assert len(predictions.sources) == 4
    where = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert (where["device"], where["gpu"], where["threads"]) == ("cpu", None, torch.get_num_threads())


class KilledError(Exception):
    """Stands for a killed process."""


def stop_after(steps: int) -> Callable[[TrainEvent], None]:
    done = []

    def report(event: TrainEvent) -> None:
        if isinstance(event, StepProgress):
            done.append(event)
            if len(done) == steps:
                raise KilledError

    return report


@pytest.mark.parametrize("steps", [1, 2])
def test_train__resumed_in_mid_run_ends_with_the_same_bits(faces: Dataset, tmp_path: Path, steps: int):
    whole = train(faces, tmp_path / "whole", config=told(), device="cpu")
    with pytest.raises(KilledError):
        train(faces, tmp_path / "cut", config=told(), device="cpu", report=stop_after(steps), save_every_s=0)
    resumed = train(faces, tmp_path / "cut", config=told(), device="cpu", resume=True)
    first, second = load_weights(whole.weights)[0], load_weights(resumed.weights)[0]
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert resumed.scores == whole.scores
    last = [load_checkpoint(tmp_path / name / "checkpoint.pt")["model"] for name in ("whole", "cut")]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])


def test_train__refuses_an_existing_run_and_other_settings_on_resume(faces: Dataset, tmp_path: Path):
    recipe = replace(RECIPE, epochs=1)
    train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    with pytest.raises(RefusedError, match="already holds a run"):
        train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    with pytest.raises(UsageError, match=r"train\.lr was 0\.001, now 0\.5"):
        train(faces, tmp_path / "run", config=told(replace(recipe, lr=0.5)), device="cpu", resume=True)
    with pytest.raises(DataError, match="no run"):
        train(faces, tmp_path / "other", config=told(recipe), device="cpu", resume=True)


def test_train__resumed_in_another_environment_says_so_and_keeps_both(faces: Dataset, tmp_path: Path):
    config, run = told(replace(RECIPE, sam=SamConfig(rho=0.0))), tmp_path / "run"
    with pytest.raises(KilledError):
        train(faces, run, config=config, device="cpu", report=stop_after(2))  # one step an epoch
    here = json.loads((run / "environment.json").read_text())
    there = {**here, "threads": 64, "cores": 64, "packages": {**here["packages"], "torch": "2.0.0"}}
    (run / "environment.json").write_text(json.dumps(there))
    events: list[TrainEvent] = []
    for _ in range(2):
        train(faces, run, config=config, device="cpu", resume=True, report=events.append)
    [note] = [event.what for event in events if isinstance(event, TrainNote)]  # the second time it is where it was
    assert f"threads was 64, now {torch.get_num_threads()}; torch was '2.0.0', now" in note
    assert "cores" not in note
    assert json.loads((run / "environment.json").read_text()) == {**there, "resumed": [here]}


def test_train__whose_starting_weights_changed_goes_on_only_if_it_has_begun(faces: Dataset, tmp_path: Path):
    recipe = replace(RECIPE, sam=SamConfig(rho=0.0))
    first = train(faces, tmp_path / "first", config=told(recipe), device="cpu").weights
    start = tmp_path / "start.safetensors"
    start.write_bytes(first.read_bytes())
    before, config = file_sha256(start), replace(told(recipe), init=(str(start),))
    for name, steps in (("unbegun", 1), ("begun", 2)):  # of one each epoch, after which there is a checkpoint
        with pytest.raises(KilledError):
            train(faces, tmp_path / name, config=config, device="cpu", report=stop_after(steps))
        assert json.loads((tmp_path / name / "config.json").read_text())["init_sha256"] == [before]
    state, card = load_weights(first)
    save_weights(start, state, replace(card, version="2"))
    with pytest.raises(UsageError, match=rf"init_sha256 was \('{before}'"):
        train(faces, tmp_path / "unbegun", config=config, device="cpu", resume=True)
    result = train(faces, tmp_path / "begun", config=config, device="cpu", resume=True)
    [origin] = load_weights(result.weights)[1].provenance["started_from"]
    assert origin["sha256"] == before, "the card tells of the file that it did start from"


def test_train__goes_on_to_another_number_of_epochs_and_says_so(faces: Dataset, tmp_path: Path):
    first = train(faces, tmp_path / "run", config=told(replace(RECIPE, epochs=1)), device="cpu")
    assert load_weights(first.weights)[1].provenance["schedules"] == [1]
    longer = told(replace(RECIPE, epochs=3))
    with pytest.raises(KilledError):  # in the second epoch: the new number is known already
        train(faces, tmp_path / "run", config=longer, device="cpu", resume=True, report=stop_after(1))
    result = train(faces, tmp_path / "run", config=longer, device="cpu", resume=True)
    assert result.epochs == 3
    assert load_weights(tmp_path / "run" / "last.safetensors")[1].provenance["schedules"] == [1, 3]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["epochs"] == 3
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert rates[0] < rates[2] < rates[1]  # at the end of a schedule of one, then of three
    with pytest.raises(UsageError, match="3 finished epochs"):
        train(faces, tmp_path / "run", config=told(replace(RECIPE, epochs=2)), device="cpu", resume=True)


def test_train__a_loss_that_is_not_finite_ends_the_run_and_says_what_to_do(faces: Dataset, tmp_path: Path):
    wild = replace(RECIPE, lr=1e30, optimizer="sgd", schedule="constant", warmup_epochs=0.0, grad_clip=0.0)
    with pytest.raises(RefusedError, match="loss became") as caught:
        train(faces, tmp_path / "run", config=told(wild), device="cpu", save_every_s=0)
    assert "lr" in caught.value.fix
    saved = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert np.isfinite(saved["state"]["sums"]["loss"]), "the last checkpoint is from before"
    assert all(torch.isfinite(value).all() for value in saved["model"].values())


def test_train__a_second_pass_that_is_not_finite_ends_the_run_before_the_weights_move(faces: Dataset, tmp_path: Path):
    # the first pass of SAM is as ever; the second sees weights that are 1e30 away
    good = replace(RECIPE, epochs=1, lr=1e-9, ema=0.0)
    train(faces, tmp_path / "run", config=told(good), device="cpu")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["train"].update(epochs=2, sam={**config["train"]["sam"], "rho": 1e30})
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    wild = told(replace(good, epochs=2, sam=SamConfig(rho=1e30)))
    with pytest.raises(
        RefusedError, match=r"epoch 2, step 1: .* became (nan|inf); .*checkpoint\.pt is intact"
    ) as caught:
        train(faces, tmp_path / "run", config=wild, device="cpu", resume=True, save_every_s=0)
    assert "sam.rho" in caught.value.fix
    assert str(tmp_path / "run" / "last.safetensors") in caught.value.fix
    for state in (
        load_checkpoint(tmp_path / "run" / "checkpoint.pt")["model"],
        load_weights(tmp_path / "run" / "last.safetensors")[0],
    ):
        assert all(torch.isfinite(value).all() for value in state.values())


def test_train__a_step_too_large_for_its_weights_is_not_saved(faces: Dataset, tmp_path: Path):
    # a loss and a gradient as ever, but a step of 1e38 times the gradient: the last of its epoch, so no later loss tells
    recipe = replace(RECIPE, epochs=1, batch_size=8, lr=1e38, optimizer="sgd", schedule="constant", warmup_epochs=0.0)
    recipe = replace(recipe, grad_clip=0.0, loss=replace(RECIPE.loss, vit=1e3), sam=SamConfig(rho=0.0))
    with pytest.raises(RefusedError, match="the weights became infinite; nothing had been saved yet"):
        train(faces, tmp_path / "run", config=told(recipe), device="cpu", save_every_s=0)
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_train__killed_after_its_last_checkpoint_keeps_every_row(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = replace(RECIPE, sam=SamConfig(rho=0.0))

    def killed(self: Journal, row: EpochReport, rows: object, *, real: Callable[..., None] = Journal.epoch) -> None:
        if row.epoch == 2:
            raise KilledError
        real(self, row, rows)

    monkeypatch.setattr(Journal, "epoch", killed)
    with pytest.raises(KilledError):
        train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    train(faces, tmp_path / "run", config=told(recipe), device="cpu", resume=True)
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


def test_train__resumed_has_every_step_once_in_its_events(faces: Dataset, tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recipe = replace(RECIPE, batch_size=2, sam=SamConfig(rho=0.0))  # 8 images: 4 steps an epoch
    with pytest.raises(KilledError):
        train(
            faces,
            tmp_path / "run",
            config=told(recipe),
            device="cpu",
            tensorboard=True,
            report=stop_after(6),
            save_every_s=0,
        )
    train(faces, tmp_path / "run", config=told(recipe), device="cpu", tensorboard=True, resume=True)
    events = EventAccumulator(str(tmp_path / "run" / "events"))
    events.Reload()
    assert [event.step for event in events.Scalars("step/loss")] == list(range(1, 9))
    assert [event.step for event in events.Scalars("epoch/loss")] == [1, 2]


def test_load_checkpoint__refuses_what_is_no_checkpoint(tmp_path: Path):
    with pytest.raises(WeightsError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(WeightsError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path / "text.pt")
    save_checkpoint(tmp_path / "odd.pt", {"other": 1})
    with pytest.raises(WeightsError, match="not a checkpoint of fer train"):
        load_checkpoint(tmp_path / "odd.pt")


def test_train__mla_only_with_a_head_of_its_own_trains_that_head(faces: Dataset, tmp_path: Path):
    # Table 5's "MLA only": no batch transformer, so no BT and CBA losses, but MLA has parameters and a loss
    loss = LossConfig(soft_targets=False, bt=0, cba=0)
    config = replace(
        told(replace(RECIPE, epochs=1, loss=loss)), model=override(MODELS["btn-tiny"], ["ablate.mla_only=aux_head"])
    )
    train(faces, tmp_path / "run", config=config, device="cpu")
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")["model"]
    assert [name for name in state if name.startswith("ablation.mla.")]
    assert [name for name in state if name.startswith("ablation.head.")]
    with pytest.raises(UsageError, match="losses are on"):
        train(faces, tmp_path / "other", config=replace(config, train=RECIPE), device="cpu")


def test_train__a_start_that_fails_leaves_the_earlier_run_alone(faces: Dataset, tmp_path: Path):
    recipe = replace(RECIPE, epochs=1)
    earlier = train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    with pytest.raises(WeightsError):
        train(
            faces,
            tmp_path / "run",
            config=replace(told(recipe), init=("nowhere.safetensors",)),
            device="cpu",
            overwrite=True,
        )
    assert load_weights(earlier.weights)[1].scores


@pytest.mark.parametrize("setting", ["train.epochs=0", "train.batch_size=-1", "train.lr=-1", "train.validation=2"])
def test_settings__that_no_run_can_have_are_refused(setting: str):
    with pytest.raises(UsageError, match=setting.partition("=")[0].partition(".")[2]):
        override(told(), [setting])


def test_train__reports_three_selection_protocols_under_their_own_names(faces: Dataset, tmp_path: Path):
    result = train(faces, tmp_path / "run", config=told(replace(RECIPE, test_best=True)), device="cpu")
    found = {chosen.protocol: chosen for chosen in result.protocols}
    assert list(found) == ["last", "val", "test_best"]
    assert json.loads((tmp_path / "run/result.json").read_text())["selection"] == "val-best"
    assert (found["last"].epoch, result.weights) == (2, tmp_path / "run" / "best.safetensors")
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    on_test = [float(row["test_accuracy"]) for row in rows]
    assert found["test_best"].epoch == 1 + on_test.index(max(on_test))
    assert "test split itself" in found["test_best"].selected_by
    for protocol, name in (("last", "last"), ("val", "best"), ("test_best", "test-best")):
        _, card = load_weights(tmp_path / "run" / f"{name}.safetensors")
        assert card.scores["selected_by"] == found[protocol].selected_by
        assert card.scores["selection"] == found[protocol].selection == {"best": "val-best"}.get(name, name)
        with (tmp_path / "run" / "predictions" / f"{name}-test.csv").open() as file:
            answers = list(csv.DictReader(file))
        hits = np.mean([row["truth"] == row["label"] for row in answers])
        [score] = [score for score in found[protocol].scores if score.split == "test"]
        assert (len(answers), hits) == (4, pytest.approx(score.accuracy))


def test_train__without_held_out_images_takes_the_last_epoch_and_all_of_train(faces: Dataset, tmp_path: Path):
    recipe = replace(RECIPE, epochs=1, validation=0.0, select="last")
    result = train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    assert [chosen.protocol for chosen in result.protocols] == ["last"]
    assert result.temperature == 1.0
    assert load_weights(result.weights)[1].data["train_images"] == 12
    with pytest.raises(UsageError, match="no validation images"):
        train(faces, tmp_path / "other", config=told(replace(recipe, select="val")), device="cpu")
    with pytest.raises(UsageError, match="patience"):
        train(faces, tmp_path / "other", config=told(replace(recipe, patience=1)), device="cpu")
    assert not (tmp_path / "other").exists()


def test_train__stops_when_patience_ends(faces: Dataset, tmp_path: Path):
    # a learning rate of 0 never gets better than its first epoch
    recipe = replace(RECIPE, epochs=9, patience=2, lr=0.0, ema=0.0, sam=SamConfig(rho=0.0))
    result = train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    assert (result.epoch, result.epochs) == (1, 3)
    assert result.selected_by.endswith("best of 3 epochs")
    assert load_weights(result.weights)[1].scores["selected_by"] == result.selected_by


def test_train_seeds__gives_mean_and_spread_and_goes_on_where_it_stopped(faces: Dataset, tmp_path: Path):
    config = told(replace(RECIPE, epochs=1, sam=SamConfig(rho=0.0)))
    result = train_seeds(faces, tmp_path / "runs", seeds=(0, 3), config=config, device="cpu")
    assert [run.folder.name for run in result.runs] == ["seed-0", "seed-3"]
    [spread] = [each for each in result.spread if (each.protocol, each.split) == ("val", "test")]
    first, second = spread.accuracy
    assert spread.mean == pytest.approx((first + second) / 2)
    assert spread.sd == pytest.approx(abs(first - second) / 2**0.5)
    alone = train(faces, tmp_path / "alone", config=replace(config, train=replace(config.train, seed=3)), device="cpu")
    assert alone.scores == result.runs[1].scores
    again = train_seeds(faces, tmp_path / "runs", seeds=(0, 3, 4), config=config, device="cpu", resume=True)
    assert again.runs[0].scores == result.runs[0].scores
    assert len(json.loads((tmp_path / "runs" / "seeds.json").read_text())["runs"]) == 3


@pytest.mark.parametrize(
    "fault",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/3: file write failed"),
    ],
)
def test_train__a_full_disk_says_so_and_leaves_the_last_checkpoint(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
):
    writes = []

    def save(state: object, file: BinaryIO, *, real: Callable[..., None] = torch.save) -> None:
        writes.append(file)
        if len(writes) == 3:
            file.write(b"a beginning")
            raise fault
        real(state, file)

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(RefusedError, match=r"disk of .* is full") as caught:
        train(faces, tmp_path / "run", config=told(), device="cpu", save_every_s=0)
    assert "--resume" in caught.value.fix
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["state"]["epoch"] == 1
    assert not list((tmp_path / "run").glob(".*part*"))
    monkeypatch.undo()
    assert train(faces, tmp_path / "run", config=told(), device="cpu", resume=True).epochs == 2


@pytest.mark.parametrize("full_at", ["opening", "a step"])
def test_train__a_disk_too_full_for_tensorboard_says_so(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str
):
    class Board:
        def __init__(self, *_: object) -> None:
            if full_at == "opening":
                raise OSError(28, "No space left on device")

        def add_scalar(self, *_: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("fercli.train.command.check_tensorboard", lambda: None)
    monkeypatch.setattr("fercli.train.journal._tensorboard", Board)
    with pytest.raises(RefusedError, match=r"disk of .* is full"):
        train(faces, tmp_path / "run", config=told(), device="cpu", tensorboard=True)


def test_train__too_little_memory_says_how_to_need_less(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def step(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("fercli.train.optimisation_step.TrainStep.__call__", step)
    with pytest.raises(RefusedError, match=r"epoch 1, step 1: out of memory with 6 images") as caught:
        train(faces, tmp_path / "run", config=told(), device="cpu")
    assert "--set accumulate=2" in caught.value.fix
    assert "last.safetensors" not in caught.value.fix


def test_train__scores_as_many_images_at_once_as_it_trains_and_says_when_memory_ends_there(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []

    def answer(model: object, images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("fercli.train.scoring.predict_logits", answer)
    recipe = replace(RECIPE, epochs=1, accumulate=3, sam=SamConfig(rho=0.0))
    with pytest.raises(RefusedError, match="scoring the val images: out of memory with 6 images") as caught:
        train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    assert seen == [2]  # a third of 6
    assert "--set accumulate=6" in caught.value.fix


def test_train__tells_what_it_learned_from_and_notices_a_change(faces: Dataset, tmp_path: Path):
    config = told(replace(RECIPE, epochs=1))
    train(faces, tmp_path / "run", config=config, device="cpu")
    facts = json.loads((tmp_path / "run" / "data.json").read_text())
    assert facts["counts"]["train"] == {"happiness": 6, "sadness": 6}
    assert facts["manifest"] is None
    assert facts["fingerprint"] == json.loads((tmp_path / "run" / "config.json").read_text())["fingerprint"]
    with pytest.raises(DataError, match="no manifest"):
        train(faces, tmp_path / "other", config=config, device="cpu", manifest=tmp_path / "none.csv")
    (tmp_path / "faces" / "train" / "sadness" / "0.png").unlink()
    with pytest.raises(UsageError, match="fingerprint was"):
        train(open_dataset(str(tmp_path / "faces")), tmp_path / "run", config=config, device="cpu", resume=True)


def test_train__tensorboard_that_is_not_installed_is_a_usage_mistake(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="not installed") as caught:
        train(faces, tmp_path / "run", config=told(), device="cpu", tensorboard=True)
    assert "fercli[tensorboard]" in caught.value.fix
    assert not (tmp_path / "run").exists()
