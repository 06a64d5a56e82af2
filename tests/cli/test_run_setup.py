"""The configuration of a run from the options of the command line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from fercli.cli.run_setup import presets_for, run_config
from fercli.data.training_changes import TrainingChanges
from fercli.errors import UsageError
from fercli.train.saved_config import read_saved_config


@pytest.mark.parametrize(
    ("dataset", "model", "recipe", "expected"),
    [
        ("rafdb", None, None, ("btn-base", "rafdb")),  # the paper's
        ("affectnet8", None, None, ("btn-base", "affectnet8")),
        ("ferplus", None, None, ("btn-compact", "compact")),
        ("folder", None, None, ("btn-compact", "compact")),
        ("folder", None, "rafdb", ("btn-base", "rafdb")),
        ("rafdb", "btn-tiny", None, ("btn-tiny", "rafdb")),
        ("ferplus", None, "btn-plus", ("btn-compact", "btn-plus")),
    ],
)
def test_presets_for__are_the_papers_for_its_data_sets(
    dataset: str, model: str | None, recipe: str | None, expected: tuple[str, str]
):
    model_config, train_config = presets_for(dataset, model, recipe)
    assert (model_config.preset, train_config.recipe) == expected


def test_run_config__applies_settings_to_model_and_recipe():
    arguments = {"data": Path("d"), "model": "btn-tiny", "recipe": None, "init": None, "changes": TrainingChanges()}
    config = run_config("faces", **arguments, settings=["lr=0.5", "cba.pe=learned"])
    assert (config.train.lr, config.model.cba.pe, config.data, config.init) == (0.5, "learned", "d", ())
    with pytest.raises(UsageError, match="no setting 'learning'"):
        run_config("faces", **arguments, settings=["learning=1"])


def test_config_file__is_the_start_and_set_changes_it(tmp_path: Path):
    saved_run = run_config(
        "rafdb", data=Path("d"), model="btn-tiny", recipe=None, init=["a"],
        changes=TrainingChanges(images=9), settings=["lr=0.5", "cba.pe=learned", "augment.erase_scale=0.1,0.3"],
    )  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(saved_run)))
    nothing = {"data": Path("d"), "model": None, "recipe": None, "init": None, "changes": TrainingChanges()}
    for path in (tmp_path, tmp_path / "config.json"):
        again = run_config("rafdb", **nothing, settings=None, saved=read_saved_config(path))
        assert again == saved_run
    changed = run_config("rafdb", **nothing, settings=["lr=0.25"], saved=read_saved_config(tmp_path))
    assert (changed.train.lr, changed.model.cba.pe) == (0.25, "learned")
    with pytest.raises(UsageError, match="--model and --config both"):
        run_config("rafdb", **{**nothing, "model": "btn-base"}, settings=None, saved=read_saved_config(tmp_path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "run.yaml",
            "dataset: rafdb\ntrain:\n  lr: 2e-4\n  loss:\n    vit: 1.5\nmodel: {preset: btn-tiny, cba.pe: learned}\n",
        ),
        (
            "run.yml",
            "dataset: rafdb\ntrain: {lr: 0.0002, loss.vit: 1.5}\nmodel: {preset: btn-tiny, cba: {pe: learned}}\n",
        ),
        (
            "run.toml",
            'dataset = "rafdb"\n[train]\nlr = 2e-4\nloss.vit = 1.5\n[model]\npreset = "btn-tiny"\ncba.pe = "learned"\n',
        ),
        (
            "run.json",
            '{"dataset": "rafdb", "train": {"lr": 2e-4, "loss": {"vit": 1.5}}, '
            '"model": {"preset": "btn-tiny", "cba.pe": "learned"}}',
        ),
    ],
)
def test_config_file__of_any_format_may_state_a_part(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    saved = read_saved_config(tmp_path / name)
    config = run_config(
        saved.dataset,
        data=None,
        model=None,
        recipe=None,
        init=None,
        changes=TrainingChanges(),
        settings=None,
        saved=saved,
    )
    assert (config.model.preset, config.train.recipe, config.train.epochs) == ("btn-tiny", "rafdb", 200)
    assert (config.train.lr, config.train.loss.vit, config.model.cba.pe) == (2e-4, 1.5, "learned")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"train": {"learning_rate": 1}}', "did you mean lr"),
        ('{"train": {"lr": "fast"}}', "'fast' is not a valid float"),
        ('{"train": {"lr": -1}}', "lr must be at least 0"),
        ('{"lr": 1}', "unknown field 'lr' .did you mean train.lr"),
        ('{"train": 3}', "must be a mapping"),
        ("[1]", "not a mapping"),
        ("{", "could not read"),
    ],
)
def test_config_file__mistakes_name_the_file_and_the_nearest_name(tmp_path: Path, text: str, message: str):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        run_config(
            "rafdb", data=None, model=None, recipe=None, init=None, changes=TrainingChanges(), settings=None,
            saved=read_saved_config(tmp_path / "c.json"),
        )  # fmt: skip
    assert "c.json" in caught.value.message


def test_run_config__btn_plus_changes_the_attention_and_settings_change_it_again():
    arguments = {"data": None, "model": None, "init": None, "changes": TrainingChanges()}
    plus = run_config("faces", recipe="btn-plus", settings=None, **arguments)
    assert (plus.model.cba.similarity, plus.model.cba.mask_self) == ("cosine", True)
    assert (plus.train.loss.attention, plus.train.loss.refine_from) == (1.0, "cba")
    assert plus.train.loss.refine > 0
    plain = run_config("faces", recipe="compact", settings=None, **arguments)
    assert (plain.model.cba.similarity, plain.train.loss.attention, plain.train.loss.refine) == ("dot", 0, 0)
    changed = run_config("faces", recipe="btn-plus", settings=["cba.similarity=dot", "loss.refine=0.2"], **arguments)
    assert (changed.model.cba.similarity, changed.train.loss.refine) == ("dot", 0.2)
