"""Subsets, label noise and new labels of training images."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.data.dataset import Dataset, Sample
from fercli.data.training_changes import TrainingChanges, apply_changes, mislabelled, parse_changes, subset
from fercli.errors import DataError, UsageError

LABELS = ("neutral", "happiness", "fear")


def samples(*counts: int, votes: bool = False) -> list[Sample]:
    return [
        Sample(Path(f"/set/train/{label}/{number}.png"), "train", label, _votes(label) if votes else None)
        for label, count in enumerate(counts)
        for number in range(count)
    ]


def _votes(label: int) -> tuple[float, ...]:
    return tuple(7.0 if place == label else float(place) for place in range(3))


@pytest.fixture
def dataset() -> Dataset:
    others = (Sample(Path("/set/val/0/a.png"), "val", 0), Sample(Path("/set/test/1/b.png"), "test", 1))
    return Dataset("toy", "folder", LABELS, (*samples(70, 20, 10), *others), Path("/set"), fingerprint="abc")


def test_mislabelled__changes_exactly_the_share_and_never_to_the_same_class():
    before = samples(700, 200, 100)
    after = mislabelled(before, 3, share=0.2, seed=0)
    changed = [(old.label, new.label) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 200
    assert all(old != new for old, new in changed)
    # symmetric: each of the other two classes takes about half of what leaves a class; 140 leave the first
    away = Counter(new for old, new in changed if old == 0)
    assert away[1] == pytest.approx(away[2], abs=40)
    assert [sample.path for sample in after] == [sample.path for sample in before]


def test_mislabelled__marks_the_images_it_changed():
    before = samples(40, 40, 20)
    after = mislabelled(before, 3, share=0.2, seed=0)
    changed = [old.label != new.label for old, new in zip(before, after, strict=True)]
    assert [sample.mislabelled for sample in after] == changed
    assert [sample.true_label for sample in after] == [
        old.label if is_changed else None for old, is_changed in zip(before, changed, strict=True)
    ]


def test_mislabelled__depends_on_the_seed():
    before = samples(50, 50, 0)
    assert mislabelled(before, 3, share=0.4, seed=1) == mislabelled(before, 3, share=0.4, seed=1)
    assert mislabelled(before, 3, share=0.4, seed=1) != mislabelled(before, 3, share=0.4, seed=2)


def test_mislabelled__votes_of_the_two_classes_are_swapped():
    # with every image mislabelled, the most voted class is the new label everywhere, and no vote is lost
    after = mislabelled(samples(5, 5, 5, votes=True), 3, share=0.99, seed=0)
    for sample in after:
        assert sample.votes is not None
        assert sample.label is not None
        assert sample.votes[sample.label] == 7.0
    assert [sorted(sample.votes or ()) for sample in after] == [[1, 2, 7]] * 5 + [[0, 2, 7]] * 5 + [[0, 1, 7]] * 5


def test_mislabelled__an_image_with_votes_but_no_label_gets_none():
    before = [replace(sample, label=None) for sample in samples(4, 0, 0, votes=True)]
    after = mislabelled(before, 3, share=0.5, seed=0)
    moved = [sample for sample in after if sample.votes != _votes(0)]
    assert len(moved) == 2
    assert [sample.label for sample in after] == [None] * 4


@pytest.mark.parametrize(
    ("count", "kept"),
    [(10, {0: 7, 1: 2, 2: 1}), (50, {0: 35, 1: 10, 2: 5}), (3, {0: 1, 1: 1, 2: 1}), (4, {0: 2, 1: 1, 2: 1})],
)
def test_subset__keeps_classes_in_proportion_and_none_empty(count: int, kept: dict[int, int]):
    drawn = subset(samples(70, 20, 10), count, seed=0)
    assert Counter(sample.label for sample in drawn) == kept
    assert drawn == sorted(drawn, key=lambda sample: (sample.label, int(sample.path.stem)))


def test_subset__refuses_more_than_there_are_and_fewer_than_classes():
    with pytest.raises(DataError, match="200 training images requested, there are 100"):
        subset(samples(70, 20, 10), 200, seed=0)
    with pytest.raises(DataError, match="too few for 3 classes"):
        subset(samples(70, 20, 10), 2, seed=0)


def test_apply_changes__keeps_validation_and_test_and_describes_itself_in_the_name(dataset: Dataset):
    changed = apply_changes(dataset, TrainingChanges(images=50, noise=0.2, noise_seed=3))
    assert changed.split("val") == dataset.split("val")
    assert changed.split("test") == dataset.split("test")
    before = {sample.path: sample.label for sample in dataset.split("train")}
    assert len(changed.split("train")) == 50
    assert sum(before[sample.path] != sample.label for sample in changed.split("train")) == 10
    assert changed.name == "toy, 50 training images, 20 % label noise (seed 3)"
    assert changed.fingerprint not in (None, dataset.fingerprint)
    assert (
        apply_changes(dataset, TrainingChanges(images=50, noise=0.2, noise_seed=4)).fingerprint != changed.fingerprint
    )
    assert apply_changes(dataset, TrainingChanges()) is dataset


def test_apply_changes__new_labels_of_a_csv(dataset: Dataset, tmp_path: Path):
    table = tmp_path / "audit.csv"
    table.write_text("rank,path,new_label\n1,train/0/0.png,Happy\n2,train/0/1.png,drop\n3,train/0/2.png,\n")
    voted = replace(dataset, samples=(*samples(3, votes=True), *dataset.split("val")))
    changed = apply_changes(voted, TrainingChanges(relabel=str(table)))
    assert [(sample.path.name, sample.label, sample.votes) for sample in changed.split("train")] == [
        ("0.png", 1, None),
        ("2.png", 0, _votes(0)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,new_label\ntrain/0/0.png,joyous\n", "line 2: 'joyous' is none of neutral, happiness, fear, drop"),
        ("path,new_label\ntrain/0/0.png,fear\ntrain/0/0.png,drop\n", "line 3: train/0/0.png has another new label"),
        ("path,new_label\ntrain/0/nobody.png,fear\n", "no training images train/0/nobody.png"),
        ("path,label\ntrain/0/0.png,fear\n", "no columns path and new_label"),
    ],
)
def test_apply_changes__a_csv_of_another_data_set_is_refused(dataset: Dataset, tmp_path: Path, text: str, message: str):
    table = tmp_path / "audit.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=message):
        apply_changes(dataset, TrainingChanges(relabel=str(table)))


def test_parse_changes__refuses_numbers_out_of_range():
    with pytest.raises(UsageError, match=r"noise must be at least 0 and less than 1, got 20"):
        parse_changes(images=None, noise=20, noise_seed=0, relabel=None)
