"""The table of data sets: what one entry is enough for, and what every entry states."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.config.labels import LabelSchema
from fercli.data.dataset import Dataset, Sample
from fercli.data.open import open_dataset
from fercli.data.reader import Published, Reader, class_counts
from fercli.data.readers import READERS
from fercli.errors import DataError

LABELS = LabelSchema("toy", ("fear", "anger"), ("F", "A"))


def read_toy(root: Path, labels: LabelSchema) -> Dataset:
    """Files such as F_one.png, all of them for training; toy.txt names the files there should be."""
    paths = [root / name for name in (root / "toy.txt").read_text().split()]
    samples = [Sample(path, "train", labels.codes.index(path.name[0])) for path in paths if path.is_file()]
    missing = [f"{path.name} does not exist" for path in paths if not path.is_file()]
    return Dataset(labels.name, labels.name, labels.names, tuple(samples), root, missing=tuple(missing))


TOY = Reader(
    labels=LABELS,
    read=read_toy,
    layout="toy.txt beside F_*.png",
    matches=lambda root: (root / "toy.txt").is_file(),
    published=Published(access="draw it yourself", counts={"train": class_counts(LABELS, 2, 1)}),
)


@pytest.fixture
def toy(tree) -> Path:
    root = tree("F_one.png", "A_two.png")
    (root / "toy.txt").write_text("F_one.png A_two.png")
    return root


def test_readers__one_entry_adds_a_data_set_by_name_and_by_layout(toy):
    readers = {**READERS, "toy": TOY}
    named = open_dataset("toy", toy, readers=readers)
    assert [(sample.path.name, named.labels[sample.label]) for sample in named.samples] == [
        ("F_one.png", "fear"),
        ("A_two.png", "anger"),
    ]
    assert open_dataset(str(toy), readers=readers) == named


def test_readers__what_an_entry_states_is_in_the_messages(toy):
    readers = {**READERS, "toy": TOY}
    with pytest.raises(DataError, match=r"draw it yourself; toy\.txt beside"):
        open_dataset("toy", toy / "nowhere", readers=readers)
    (toy / "toy.txt").write_text("F_one.png F_gone.png")
    with pytest.raises(DataError, match=r"F_gone\.png does not exist") as caught:
        open_dataset("toy", toy, readers=readers)
    assert caught.value.fix == "expected layout: toy.txt beside F_*.png"
    dataset = open_dataset("toy", toy, readers=readers, allow_missing=True)
    assert (len(dataset.samples), dataset.missing) == (1, ("F_gone.png does not exist",))


def test_reader__refuses_published_counts_of_other_classes():
    published = Published(access="", counts={"train": {"fear": 2, "joy": 1}})
    with pytest.raises(ValueError, match="published counts of toy"):
        Reader(labels=LABELS, read=read_toy, layout="", published=published)


def test_readers__every_entry_is_under_the_name_of_its_labels():
    assert list(READERS) == ["rafdb", "affectnet7", "affectnet8", "fer2013", "ferplus", "expw", "caer-s"]
    assert all(reader.labels.name == name for name, reader in READERS.items())
