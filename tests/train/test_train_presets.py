"""Every data set in its official layout trains: RAF-DB on the paper's network, the others on the small one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.config.presets import MODELS, RECIPES
from fercli.data.dataset import Dataset
from fercli.data.open import open_dataset
from fercli.train.options import TrainOptions
from fercli.train.train import train
from fercli.weights.checkpoint import load_checkpoint
from fercli.weights.run_folder import RunConfig

CPU = TrainOptions(device="cpu")


def few(dataset: Dataset, *, train: int, test: int) -> Dataset:
    """The first images of each split."""
    return replace(dataset, samples=dataset.split("train")[:train] + dataset.split("test")[:test])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layout", "model"),
    [
        ("rafdb", "rafdb", "btn-base"),
        ("affectnet7", "affectnet7-csv", "btn-tiny"),
        ("affectnet8", "affectnet8-npy", "btn-tiny"),
    ],
)
def test_train__by_the_papers_recipe(
    official_tree: Callable[..., Path], name: str, layout: str, model: str, tmp_path: Path
):
    root = official_tree(layout)
    recipe = replace(RECIPES[name], epochs=1, batch_size=2)  # two steps
    config = RunConfig(dataset=name, data=str(root), model=MODELS[model], train=recipe, init=())
    faces = few(open_dataset(name, root), train=4, test=1)
    result = train(faces, tmp_path / "run", config=config, options=CPU)
    assert [chosen.protocol for chosen in result.protocols] == ["last", "test_best"]
    [row] = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[1:]
    # equal guesses at the start: 2 log N for the classifier and log N for each of the other two heads; two steps of the paper's
    # learning rate change little
    loss = float(row.split(",")[2])
    assert loss == pytest.approx(4 * np.log(8 if name == "affectnet8" else 7), rel=0.1)


@pytest.mark.slow
def test_train__of_btn_base_by_the_compact_recipe(official_tree: Callable[..., Path], tmp_path: Path):
    root = official_tree("folder")
    recipe = replace(RECIPES["compact"], epochs=1, batch_size=2)
    config = RunConfig(dataset="folder", data=None, model=MODELS["btn-base"], train=recipe, init=())
    faces = open_dataset(str(root))
    faces = replace(faces, samples=few(faces, train=4, test=1).samples + faces.split("val")[:1])
    result = train(faces, tmp_path / "run", config=config, options=CPU)
    assert [(chosen.protocol, chosen.epoch) for chosen in result.protocols] == [("last", 1), ("val", 1)]
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert {int(entry["step"]) for entry in state["optimizer"]["state"].values()} == {2}
    assert "image_head.weight" in state["model"], "the recipe's loss on the image branch"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layout"),
    [("fer2013", "fer2013"), ("ferplus", "ferplus"), ("expw", "expw"), ("caer-s", "caer-s"), ("folder", "folder")],
)
def test_train__of_the_other_data_sets(official_tree: Callable[..., Path], name: str, layout: str, tmp_path: Path):
    root = official_tree(layout)
    faces = open_dataset(str(root)) if name == "folder" else open_dataset(name, root)
    recipe = replace(RECIPES["compact"], epochs=1, batch_size=4, drop_last=False, validation=0.3)
    config = RunConfig(dataset=name, data=str(root), model=MODELS["btn-tiny"], train=recipe, init=())
    result = train(faces, tmp_path / "run", config=config, options=CPU)
    assert result.epochs == 1
    assert {score.split for score in result.scores} >= {"val"}
    assert sorted(path.stem for path in (tmp_path / "run" / "predictions").iterdir())[0].startswith("best-")
