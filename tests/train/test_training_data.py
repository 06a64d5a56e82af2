"""The images of a run: held-out images, labels and batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.config.training import LossConfig, TrainConfig
from fercli.data.dataset import Dataset, Sample
from fercli.data.training_changes import TrainingChanges
from fercli.errors import DataError, ExitCode, UsageError
from fercli.train.process_group import ProcessGroup
from fercli.train.training_data import training_data
from fercli.weights.run_folder import RunConfig


def test_training_data__holds_out_a_share_of_every_class(faces: Dataset, config_of: Callable[..., RunConfig]):
    data = training_data(faces, config_of())
    # 34 % of six images a class are two
    assert (len(data.train), len(data.evaluation["val"]), len(data.evaluation["test"])) == (8, 4, 4)
    assert data.class_counts().tolist() == [4, 4]


def test_batches__have_every_image_once_and_enough_for_every_process(
    faces: Dataset, recipe: TrainConfig, config_of: Callable[..., RunConfig]
):
    config = config_of(replace(recipe, batch_size=3, drop_last=False))
    data = training_data(faces, config)
    batches = data.batches(0, config, ProcessGroup())
    assert [len(batch) for batch in batches] == [3, 3, 2]
    assert sorted(index for batch in batches for index in batch) == list(range(8))
    assert [len(batch) for batch in data.batches(0, config, ProcessGroup(0, 3))] == [3, 3]
    with pytest.raises(UsageError, match="cannot be shared by 4 processes"):
        data.batches(0, config, ProcessGroup(0, 4))


@pytest.mark.parametrize("others", ["test", "val", None])
def test_training_data__of_one_class_is_an_error_of_the_data(
    faces: Dataset, config_of: Callable[..., RunConfig], others: str | None
):
    # sadness has images to score only, or none at all
    samples = [sample for sample in faces.samples if sample.label == 0]
    samples += [replace(sample, split=others) for sample in faces.samples if sample.label == 1 and others]
    with pytest.raises(DataError, match="all training images are of the class happiness") as caught:
        training_data(replace(faces, samples=tuple(samples)), config_of())
    assert caught.value.exit_code == ExitCode.DATA


def test_training_data__knows_which_labels_exist_and_which_are_wrong(
    config_of: Callable[..., RunConfig], tmp_path: Path
):
    def sample(label: int | None, votes: tuple[float, ...], first: int | None, true: int | None = None) -> Sample:
        return Sample(tmp_path, "train", label, votes=votes, first_label=first, true_label=true)

    samples = (
        sample(0, (8, 2), 0),
        sample(1, (1, 9), 0),  # FER2013's label is not the votes' winner
        sample(None, (5, 5), 1),  # a tie
        sample(None, (4, 1), 1),  # no winner, because five people saw neither class
        sample(0, (6, 4), None),
    )
    faces = Dataset("faces", "folder", ("happiness", "sadness"), samples, tmp_path)
    loss = LossConfig(soft_targets=True)
    recipe = TrainConfig(loss=loss, validation=0.0)
    votes = training_data(faces, config_of(recipe))
    assert (votes.classes.tolist(), votes.truth) == ([0, 1, -1, -1, 0], None)
    first = training_data(faces, config_of(replace(recipe, loss=replace(loss, first_label=1.0))))
    assert first.classes.tolist() == [0, 0, 1, 1, 0]  # an image without FER2013's label has its votes
    assert first.truth is not None
    assert first.truth.tolist() == [0, 1, -1, -1, 0]
    noisy = replace(samples[0], label=1, votes=(2, 8), first_label=1, true_label=0)
    config = replace(config_of(recipe), changes=TrainingChanges(noise=0.2))
    swapped = training_data(replace(faces, samples=(noisy, *samples[1:])), config)
    assert swapped.classes.tolist() == [1, 1, -1, -1, 0]
    assert swapped.truth is not None
    assert swapped.truth.tolist() == [0, 1, -1, -1, 0]
