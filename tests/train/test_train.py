"""A whole small run: the files it writes, exact resuming, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from fercli.config.presets import MODELS, with_recipe
from fercli.config.settings import override
from fercli.config.training import LossConfig, SamConfig, TrainConfig
from fercli.data.dataset import Dataset
from fercli.data.open import open_dataset
from fercli.data.training_changes import TrainingChanges, apply_changes
from fercli.errors import DataError, RefusedError, UsageError, WeightsError
from fercli.evaluate.prediction_table import read_predictions
from fercli.evaluate.result_file import predictions_path
from fercli.progress import TrainEvent, TrainNote
from fercli.system.digest import file_sha256
from fercli.system.locks import hold_lock
from fercli.train.options import TrainOptions
from fercli.train.train import train
from fercli.weights.checkpoint import load_checkpoint
from fercli.weights.files import load_weights, save_weights
from fercli.weights.run_folder import RunConfig

CPU = TrainOptions(device="cpu")
ConfigOf = Callable[..., RunConfig]
StopAfter = Callable[[int], Callable[[TrainEvent], None]]


def test_train__writes_weights_with_card_log_and_scores(
    config_of: ConfigOf, faces: Dataset, tmp_path: Path, fits_schema: Callable[[dict[str, Any]], None]
):
    result = train(faces, tmp_path / "run", config=config_of(), options=CPU)
    state, card = load_weights(result.weights)
    assert card.labels == ("happiness", "sadness")
    assert card.model == MODELS["btn-tiny"]
    assert card.temperature == pytest.approx(result.temperature)
    assert not [name for name in state if name.startswith("batch.")]
    assert [score.split for score in result.scores] == ["val", "test"]
    # 34 % of six images a class are two: eight are left to train on
    assert [score.images for score in result.scores] == [4, 4]
    assert card.data["train_images"] == 8
    assert "34 %" in result.selected_by
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


@pytest.mark.parametrize("steps", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_train__resumed_in_mid_run_ends_with_the_same_bits(
    config_of: ConfigOf, stop_after: StopAfter, faces: Dataset, tmp_path: Path, steps: int
):
    whole = train(faces, tmp_path / "whole", config=config_of(), options=CPU)
    with pytest.raises(KeyboardInterrupt):
        train(
            faces, tmp_path / "cut", config=config_of(), options=replace(CPU, save_every_s=0), report=stop_after(steps)
        )
    resumed = train(faces, tmp_path / "cut", config=config_of(), options=replace(CPU, resume=True))
    first, second = load_weights(whole.weights)[0], load_weights(resumed.weights)[0]
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert resumed.scores == whole.scores
    last = [load_checkpoint(tmp_path / name / "checkpoint.pt")["model"] for name in ("whole", "cut")]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])


def test_train__refuses_a_folder_that_another_process_trains_in(config_of: ConfigOf, faces: Dataset, tmp_path: Path):
    out = tmp_path / "run"
    with hold_lock(out / ".run.lock", output=out):
        for resume in (False, True):
            with pytest.raises(RefusedError, match="another run is writing"):
                train(faces, out, config=config_of(), options=replace(CPU, resume=resume))
        assert [path.name for path in out.iterdir()] == [".run.lock"]


@pytest.mark.slow
def test_train__with_corrected_labels_resumes_exactly_and_logs_the_attention(
    config_of: ConfigOf, stop_after: StopAfter, faces: Dataset, tmp_path: Path, recipe: TrainConfig
):
    loss = LossConfig(attention=1.0, refine=0.5, refine_after=0.5)  # begins inside the first epoch
    config = config_of(replace(recipe, loss=loss))
    config = replace(config, model=with_recipe(config.model, "btn-plus"), changes=TrainingChanges(noise=0.25))
    noisy = apply_changes(faces, config.changes)
    whole = train(noisy, tmp_path / "whole", config=config, options=CPU)
    with pytest.raises(KeyboardInterrupt):
        train(noisy, tmp_path / "cut", config=config, options=replace(CPU, save_every_s=0), report=stop_after(1))
    train(noisy, tmp_path / "cut", config=config, options=replace(CPU, resume=True))
    last = [load_checkpoint(tmp_path / name / "checkpoint.pt")["model"] for name in ("whole", "cut")]
    assert "batch.cba.log_scale" in last[0]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])
    card = load_weights(whole.weights)[1]
    assert (card.model.cba.similarity, card.provenance["recipe"]["loss"]["refine"]) == ("cosine", 0.5)
    with (tmp_path / "whole" / "metrics.csv").open() as file:
        row = list(csv.DictReader(file))[-1]
    assert float(row["attention_own"]) == 0.0
    assert 1 < float(row["attention_images"]) <= 5
    assert 0 <= float(row["attention_same_label"]) <= 1
    # 2 of 8 images are wrong: of the five others of a batch of six, 0 to 2
    assert 0 <= float(row["attention_wrong_label_chance"]) <= 2 / 5
    assert float(row["loss_attention"]) > 0
    wrong = round(6 * float(row["wrong_labels"]))  # of the six images of the epoch, without an incomplete batch
    assert float(row["wrong_labels"]) == pytest.approx(wrong / 6)
    assert wrong in (1, 2)
    assert {float(row[name]) for name in ("vit_on_wrong", "cba_on_wrong")} <= {0, 0.5, 1}


@pytest.mark.slow
def test_train__with_the_averaged_weights_as_teacher_resumes_exactly(
    config_of: ConfigOf, stop_after: StopAfter, faces: Dataset, tmp_path: Path, recipe: TrainConfig
):
    runs = []
    for loss in (LossConfig(bt=0, cba=0, refine=0.5, refine_after=0.5, refine_from="ema"), LossConfig(bt=0, cba=0)):
        config = config_of(replace(recipe, epochs=2, loss=loss))
        runs.append(tmp_path / f"whole{len(runs)}")
        train(faces, runs[-1], config=config, options=CPU)
    config = config_of(
        replace(recipe, epochs=2, loss=LossConfig(bt=0, cba=0, refine=0.5, refine_after=0.5, refine_from="ema"))
    )
    with pytest.raises(KeyboardInterrupt):
        train(faces, tmp_path / "cut", config=config, options=replace(CPU, save_every_s=0), report=stop_after(1))
    train(faces, tmp_path / "cut", config=config, options=replace(CPU, resume=True))
    whole, without, cut = (load_checkpoint(run / "checkpoint.pt")["model"] for run in (*runs, tmp_path / "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert not all(torch.equal(whole[name], without[name]) for name in whole)


@pytest.mark.slow
def test_train__refuses_an_existing_run_and_other_settings_on_resume(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    recipe = replace(recipe, epochs=1)
    train(faces, tmp_path / "run", config=config_of(recipe), options=CPU)
    with pytest.raises(RefusedError, match="already contains a run"):
        train(faces, tmp_path / "run", config=config_of(recipe), options=CPU)
    with pytest.raises(UsageError, match=r"train\.lr was 0\.001, now 0\.5"):
        train(faces, tmp_path / "run", config=config_of(replace(recipe, lr=0.5)), options=replace(CPU, resume=True))
    with pytest.raises(DataError, match="no run"):
        train(faces, tmp_path / "other", config=config_of(recipe), options=replace(CPU, resume=True))


@pytest.mark.slow
def test_train__resumed_in_another_environment_warns_and_records_both(
    config_of: ConfigOf, recipe: TrainConfig, stop_after: StopAfter, faces: Dataset, tmp_path: Path
):
    config, run = config_of(replace(recipe, sam=SamConfig(rho=0.0))), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(faces, run, config=config, options=CPU, report=stop_after(2))  # one step an epoch
    here = json.loads((run / "environment.json").read_text())
    there = {**here, "threads": 64, "cores": 64, "packages": {**here["packages"], "torch": "2.0.0"}}
    (run / "environment.json").write_text(json.dumps(there))
    events: list[TrainEvent] = []
    for _ in range(2):
        train(faces, run, config=config, options=replace(CPU, resume=True), report=events.append)
    [note] = [event.what for event in events if isinstance(event, TrainNote)]  # the second time it is where it was
    assert f"threads was 64, now {torch.get_num_threads()}; torch was '2.0.0', now" in note
    assert "cores" not in note
    assert json.loads((run / "environment.json").read_text()) == {**there, "resumed": [here]}


@pytest.mark.slow
def test_train__resumes_after_its_starting_weights_changed_only_if_it_has_a_checkpoint(
    config_of: ConfigOf, recipe: TrainConfig, stop_after: StopAfter, faces: Dataset, tmp_path: Path
):
    recipe = replace(recipe, sam=SamConfig(rho=0.0))
    first = train(faces, tmp_path / "first", config=config_of(recipe), options=CPU).weights
    start = tmp_path / "start.safetensors"
    start.write_bytes(first.read_bytes())
    before, config = file_sha256(start), replace(config_of(recipe), init=(str(start),))
    for name, steps in (
        ("without_checkpoint", 1),
        ("with_checkpoint", 2),
    ):  # of one each epoch, after which there is a checkpoint
        with pytest.raises(KeyboardInterrupt):
            train(faces, tmp_path / name, config=config, options=CPU, report=stop_after(steps))
        assert json.loads((tmp_path / name / "config.json").read_text())["init_sha256"] == [before]
    state, card = load_weights(first)
    save_weights(start, state, replace(card, version="2"))
    with pytest.raises(UsageError, match=rf"init_sha256 was \('{before}'"):
        train(faces, tmp_path / "without_checkpoint", config=config, options=replace(CPU, resume=True))
    result = train(faces, tmp_path / "with_checkpoint", config=config, options=replace(CPU, resume=True))
    [origin] = load_weights(result.weights)[1].provenance["started_from"]
    assert origin["sha256"] == before, "the card names the file that the run started from"


@pytest.mark.slow
def test_train__resumes_with_another_number_of_epochs_and_records_both(
    config_of: ConfigOf, recipe: TrainConfig, stop_after: StopAfter, faces: Dataset, tmp_path: Path
):
    first = train(faces, tmp_path / "run", config=config_of(replace(recipe, epochs=1)), options=CPU)
    assert load_weights(first.weights)[1].provenance["schedules"] == [1]
    longer = config_of(replace(recipe, epochs=3))
    with pytest.raises(KeyboardInterrupt):  # in the second epoch: the new number is known already
        train(faces, tmp_path / "run", config=longer, options=replace(CPU, resume=True), report=stop_after(1))
    result = train(faces, tmp_path / "run", config=longer, options=replace(CPU, resume=True))
    assert result.epochs == 3
    assert load_weights(tmp_path / "run" / "last.safetensors")[1].provenance["schedules"] == [1, 3]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["epochs"] == 3
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert rates[0] < rates[2] < rates[1]  # at the end of a schedule of one, then of three
    with pytest.raises(UsageError, match="3 finished epochs"):
        train(faces, tmp_path / "run", config=config_of(replace(recipe, epochs=2)), options=replace(CPU, resume=True))


def test_train__mla_only_with_a_head_of_its_own_trains_that_head(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    # Table 5's "MLA only": no batch transformer, so no BT and CBA losses, but MLA has parameters and a loss
    loss = LossConfig(soft_targets=False, bt=0, cba=0)
    config = replace(
        config_of(replace(recipe, epochs=1, loss=loss)),
        model=override(MODELS["btn-tiny"], ["ablate.mla_only=aux_head"]),
    )
    train(faces, tmp_path / "run", config=config, options=CPU)
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")["model"]
    assert [name for name in state if name.startswith("ablation.mla.")]
    assert [name for name in state if name.startswith("ablation.head.")]
    with pytest.raises(UsageError, match="losses are on"):
        train(faces, tmp_path / "other", config=replace(config, train=recipe), options=CPU)


def test_train__a_start_that_fails_does_not_change_the_earlier_run(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    recipe = replace(recipe, epochs=1)
    earlier = train(faces, tmp_path / "run", config=config_of(recipe), options=CPU)
    with pytest.raises(WeightsError):
        train(
            faces,
            tmp_path / "run",
            config=replace(config_of(recipe), init=("nowhere.safetensors",)),
            options=replace(CPU, overwrite=True),
        )
    assert load_weights(earlier.weights)[1].scores


@pytest.mark.parametrize("setting", ["train.epochs=0", "train.batch_size=-1", "train.lr=-1", "train.validation=2"])
def test_settings__that_no_run_can_have_are_refused(config_of: ConfigOf, setting: str):
    with pytest.raises(UsageError, match=setting.partition("=")[0].partition(".")[2]):
        override(config_of(), [setting])


def test_train__records_its_data_and_notices_a_change(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    config = config_of(replace(recipe, epochs=1))
    train(faces, tmp_path / "run", config=config, options=CPU)
    facts = json.loads((tmp_path / "run" / "data.json").read_text())
    assert facts["counts"]["train"] == {"happiness": 6, "sadness": 6}
    assert facts["manifest"] is None
    assert facts["fingerprint"] == json.loads((tmp_path / "run" / "config.json").read_text())["fingerprint"]
    with pytest.raises(DataError, match="no manifest"):
        train(faces, tmp_path / "other", config=config, options=replace(CPU, manifest=tmp_path / "none.csv"))
    (tmp_path / "faces" / "train" / "sadness" / "0.png").unlink()
    with pytest.raises(UsageError, match="fingerprint was"):
        train(open_dataset(str(tmp_path / "faces")), tmp_path / "run", config=config, options=replace(CPU, resume=True))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.slow
def test_train__runs_and_resumes_on_every_device(
    device: str,
    faces: Dataset,
    config_of: Callable[..., RunConfig],
    stop_after: Callable[[int], Callable[[TrainEvent], None]],
    tmp_path: Path,
):
    options = TrainOptions(device=device, workers=1, save_every_s=0)
    with pytest.raises(KeyboardInterrupt):
        train(faces, tmp_path / "run", config=config_of(), options=options, report=stop_after(2))
    result = train(faces, tmp_path / "run", config=config_of(), options=replace(options, resume=True))
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["device"].startswith(device)
    assert environment["tf32"] == ({"training": True, "scoring": False} if device == "cuda" else None)
    assert result.protocols[0].epoch == 2
    assert set(result.seconds) >= {"step", "score", "save"}
