"""Checks of a Dataset by itself."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.data.dataset import Dataset, Sample, paper_order

SAMPLES = (
    Sample(Path("a.png"), "train", 0, votes=(3.0, 1.0)),
    Sample(Path("b.png"), "train", None, votes=(2.0, 2.0)),
    Sample(Path("c.png"), "test", 1),
)


def build(**changes) -> Dataset:
    values = {"name": "toy", "schema": "folder", "labels": ("fear", "anger"), "samples": SAMPLES, "root": Path()}
    return Dataset(**(values | changes))


def test_split__excludes_unlabelled_images_by_default():
    dataset = build()
    assert [s.path.name for s in dataset.split("train")] == ["a.png"]
    assert [s.path.name for s in dataset.split("train", with_unlabelled=True)] == ["a.png", "b.png"]


def test_split__is_empty_where_there_is_none():
    assert build().split("val") == ()


def test_counts__names_every_class():
    assert build().counts("train") == {"fear": 1, "anger": 0}


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("fear", "fear")},
        {"labels": ("fear",)},
        {"samples": (Sample(Path("a.png"), "train", -1),)},
        {"samples": (Sample(Path("a.png"), "train", 0, votes=(1.0,)),)},
    ],
    ids=["label twice", "index beyond labels", "negative index", "too few votes"],
)
def test_dataset__refuses_what_contradicts_itself(changes):
    with pytest.raises(ValueError, match="data set toy"):
        build(**changes)


def test_paper_order__is_table_4_then_alphabetical():
    # BTN, Table 4: Neutral Happy Sad Surprise Fear Disgust Anger Contempt
    assert paper_order({"zest", "anger", "sadness", "awe", "neutral"}) == ("neutral", "sadness", "anger", "awe", "zest")


def test_sample__can_be_sent_to_worker_processes():
    sample = replace(SAMPLES[0], box_xyxy=(1, 2, 3, 4), landmarks=((0, 0),) * 5, offset=7, name="a")
    assert pickle.loads(pickle.dumps(sample)) == sample


def test_called__is_the_owners_name_or_the_path_below_the_root():
    assert Sample(Path("/data/x/a.png"), "test", 0).called(Path("/data")) == "x/a.png"
    assert Sample(Path("/data/x/a.png"), "test", 0).called(Path("/other")) == "/data/x/a.png"
    assert Sample(Path("/data/fer2013.csv"), "test", 0, name="fer0000001.png").called(Path("/data")) == "fer0000001.png"


def test_template__is_that_of_the_crops():
    assert build(crop="arcface+0.1").template == "arcface+0.1"
    assert build(schema="ferplus").template == "fer2013"
    assert build(schema="rafdb").template == "arcface"
