"""New labels of training images from a csv."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.data.dataset import Sample
from fercli.data.relabel import read_relabels, relabel
from fercli.errors import DataError

LABELS = ("neutral", "happiness", "fear")
ROOT = Path("/set")


def sample(name: str, label: int) -> Sample:
    return Sample(ROOT / "train" / name, "train", label, (7.0, 1.0, 2.0), first_label=label)


def test_read_relabels__are_a_class_or_drop_and_skip_empty_cells(tmp_path: Path):
    table = tmp_path / "audit.csv"
    table.write_text("rank,path,new_label\n1,train/a.png,Happy\n2,train/b.png,drop\n3,train/c.png,\n")
    assert read_relabels(table, LABELS) == {"train/a.png": 1, "train/b.png": None}


def test_read_relabels__lists_every_wrong_line(tmp_path: Path):
    table = tmp_path / "audit.csv"
    table.write_text("path,new_label\na.png,joyous\nb.png,fear\nb.png,drop\n")
    with pytest.raises(DataError, match=r"line 2: 'joyous'.*line 4: b\.png has another new label"):
        read_relabels(table, LABELS)
    with pytest.raises(DataError, match="cannot be read as csv"):
        read_relabels(tmp_path / "none.csv", LABELS)


def test_relabel__replaces_the_label_and_removes_votes():
    samples = [sample("a.png", 0), sample("b.png", 0), sample("c.png", 2)]
    changed = relabel(samples, {"train/a.png": 1, "train/b.png": None}, root=ROOT, where=Path("audit.csv"))
    assert [(item.path.name, item.label, item.votes, item.first_label) for item in changed] == [
        ("a.png", 1, None, None),
        ("c.png", 2, (7.0, 1.0, 2.0), 2),
    ]


def test_relabel__refuses_unknown_paths():
    with pytest.raises(DataError, match=r"audit\.csv: no training images train/z\.png"):
        relabel([sample("a.png", 0)], {"train/z.png": 1}, root=ROOT, where=Path("audit.csv"))
