"""FER2013's csv to folders: labels, paths, duplicates, no partial output; and the published counts."""

from __future__ import annotations

import csv
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.data.duplicates import Duplicates
from fercli.data.fer2013_csv import FERPLUS_HEADER
from fercli.data.open import open_dataset
from fercli.data.prepare import prepare
from fercli.errors import DataError, RefusedError, UsageError

# (emotion, grey value, Usage, FERPlus' name, votes neu hap sur sad ang dis fea con unknown NF)
ROWS = (
    (0, 10, "Training", "fer0000000.png", "0,0,0,0,9,1,0,0,0,0"),  # anger
    (3, 20, "Training", "fer0000007.png", "0,10,0,0,0,0,0,0,0,0"),  # happiness, same picture as row 4
    (6, 30, "Training", "fer0000002.png", "5,0,0,5,0,0,0,0,0,0"),  # no majority
    (6, 40, "Training", "", "0,0,0,0,0,0,0,0,0,10"),  # not a face
    (4, 20, "PublicTest", "fer0000003.png", "0,9,0,0,0,0,0,0,1,0"),  # happiness
    (2, 50, "PrivateTest", "fer0000004.png", "0,0,0,0,0,0,2,0,8,0"),  # unknown
    (5, 60, "PrivateTest", "fer0000005.png", "2,0,8,0,0,0,0,0,0,0"),  # surprise
    (5, 70, "PrivateTest", "fer0000006.png", "1,1,1,1,1,1,1,1,1,1"),  # nobody agrees: nothing to learn from
)


@pytest.fixture
def fer2013(tmp_path: Path) -> Path:
    lines = [f"{code},{' '.join([str(grey)] * 2304)},{usage}" for code, grey, usage, _, _ in ROWS]
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    return path


@pytest.fixture
def ferplus(tmp_path: Path) -> Path:
    lines = [f"{usage},{name},{votes}" for _, _, usage, name, votes in ROWS]
    path = tmp_path / "fer2013new.csv"
    path.write_text("\n".join([",".join(FERPLUS_HEADER), *lines]) + "\n")
    return path


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))


def test_prepare__with_the_owners_labels_keeps_every_image(fer2013, tmp_path):
    result = prepare(fer2013, tmp_path / "out")
    assert result.name == "fer2013"
    assert result.total == {"train": 4, "val": 1, "test": 3}
    assert result.excluded == {"train": {}, "val": {}, "test": {}}
    assert files(tmp_path / "out")[0] == "test/fear/row0000005.png"
    dataset = open_dataset(str(tmp_path / "out"))
    assert dataset.labels == ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    assert dataset.samples[0].votes is None


def test_prepare__with_votes_takes_the_majority(fer2013, ferplus, tmp_path):
    result = prepare(fer2013, tmp_path / "out", ferplus=ferplus)
    assert files(tmp_path / "out") == [
        "test/surprise/fer0000005.png",
        "train/anger/fer0000000.png",
        "train/happiness/fer0000007.png",
        "unlabelled/train/fer0000002.png",
        "val/happiness/fer0000003.png",
    ]
    assert result.total == {"train": 2, "val": 1, "test": 1}
    assert result.excluded == {
        "train": {"no_majority": 1, "not_a_face": 1},
        "val": {},
        "test": {"no_majority": 1, "unknown": 1},
    }


def test_prepare__writes_the_pixels_of_the_csv(fer2013, tmp_path):
    prepare(fer2013, tmp_path / "out")
    pixels = np.asarray(Image.open(tmp_path / "out/test/surprise/row0000006.png"))
    assert pixels.shape == (48, 48)
    assert (pixels == 60).all()


def test_prepare__what_it_writes_is_a_data_set(fer2013, ferplus, tmp_path):
    result = prepare(fer2013, tmp_path / "out", ferplus=ferplus)
    dataset = open_dataset("ferplus", tmp_path / "out")
    assert dataset.fingerprint == result.fingerprint
    assert dataset.counts("train") == result.counts["train"]
    unlabelled = [s for s in dataset.split("train", with_unlabelled=True) if s.label is None]
    assert [s.votes for s in unlabelled] == [(5, 0, 0, 5, 0, 0, 0, 0)]


def test_prepare__counts_duplicates_by_split(fer2013, ferplus, tmp_path):
    original = prepare(fer2013, tmp_path / "original")
    assert original.duplicates == Duplicates(groups=1, in_train={"val": 1, "test": 0}, conflicting=1)
    voted = prepare(fer2013, tmp_path / "voted", ferplus=ferplus)
    assert voted.duplicates == Duplicates(groups=1, in_train={"val": 1, "test": 0}, conflicting=0)
    with (tmp_path / "voted/dataset.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["duplicate_group"] == rows[4]["duplicate_group"] != ""
    assert [row["duplicate_across_splits"] for row in rows] == ["0", "1", "0", "0", "1", "0", "0", "0"]
    assert [row["original_label"] for row in rows[:3]] == ["anger", "happiness", "neutral"]


def test_prepare__states_sources_and_counts(fer2013, ferplus, tmp_path):
    prepare(fer2013, tmp_path / "out", ferplus=ferplus)
    facts = json.loads((tmp_path / "out/dataset.json").read_text())
    assert (facts["schema"], facts["label_rule"]) == ("ferplus", "majority")
    assert facts["counts"]["train"]["happiness"] == 1
    assert {len(source["sha256"]) for source in facts["sources"].values()} == {64}
    assert "FERPlus" in facts["licence"]


def test_prepare__can_keep_votes_beside_the_owners_labels(fer2013, ferplus, tmp_path):
    prepare(fer2013, tmp_path / "out", ferplus=ferplus, labels="original")
    sample = open_dataset("fer2013", tmp_path / "out").samples[0]
    assert sample.votes == (9, 1, 0, 0, 0, 0, 0)  # in FER2013's order, contempt left out
    assert "train/neutral/row0000003.png" in files(tmp_path / "out")  # FERPlus has no name for it


def test_prepare__refuses_an_existing_output(fer2013, tmp_path):
    prepare(fer2013, tmp_path / "out")
    with pytest.raises(RefusedError, match="already"):
        prepare(fer2013, tmp_path / "out")
    (tmp_path / "out/test/stale.png").touch()
    prepare(fer2013, tmp_path / "out", overwrite=True)
    assert "test/stale.png" not in files(tmp_path / "out")


def test_prepare__never_replaces_other_folders(fer2013, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/mine.jpg").touch()
    with pytest.raises(RefusedError, match="not replaced"):
        prepare(fer2013, tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos/mine.jpg").exists()


def test_prepare__leaves_nothing_behind_when_it_is_stopped(fer2013, tmp_path):
    def stop(done: int, total: int | None, note: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        prepare(fer2013, tmp_path / "out", progress=stop)
    assert set(tmp_path.iterdir()) == before


def test_prepare__errors_in_the_csv_leave_nothing_behind(fer2013, tmp_path):
    fer2013.write_text(fer2013.read_text().replace("PublicTest", "Public"))
    with pytest.raises(DataError, match="line 6: Usage 'Public'"):
        prepare(fer2013, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_prepare__has_no_majority_without_votes(fer2013, tmp_path):
    with pytest.raises(UsageError) as caught:
        prepare(fer2013, tmp_path / "out", labels="majority")
    assert "--ferplus" in (caught.value.fix or "")


def test_prepare__equal_input_has_an_equal_fingerprint(fer2013, ferplus, tmp_path):
    first = prepare(fer2013, tmp_path / "a", ferplus=ferplus)
    again = prepare(fer2013, tmp_path / "b", ferplus=ferplus)
    original = prepare(fer2013, tmp_path / "c")
    assert first.fingerprint == again.fingerprint != original.fingerprint


@pytest.fixture
def official(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The official fer2013.csv, made from the reference material."""
    monkeypatch.setattr(sys, "argv", ["make_fer2013_csv.py", str(tmp_path / "fer2013.csv")])
    runpy.run_path(str(shared / "data/fer2013/make_fer2013_csv.py"))
    return tmp_path / "fer2013.csv"


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_prepare__of_the_real_files_has_the_published_counts(official, shared, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "fercli.data.prepare._write_images", lambda *_: None
    )  # 70,000 files, as those of the tests above
    result = prepare(official, tmp_path / "ferplus", ferplus=shared / "data/fer2013/fer2013new.csv")
    assert result.total == {"train": 25060, "val": 3199, "test": 3153}  # as published with the FERPlus rule
    assert tuple(result.counts["train"].values()) == (8740, 7287, 3149, 3014, 2100, 119, 532, 119)
    assert tuple(result.counts["test"].values()) == (1090, 893, 396, 384, 273, 18, 83, 16)
    _check_subset_lists(tmp_path / "ferplus", shared)

    result = prepare(official, tmp_path / "original")
    assert tuple(result.counts["train"].values()) == (3995, 436, 4097, 7215, 4830, 3171, 4965)
    assert tuple(result.counts["val"].values()) == (467, 56, 496, 895, 653, 415, 607)
    assert tuple(result.counts["test"].values()) == (491, 55, 528, 879, 594, 416, 626)
    found = result.duplicates
    assert (found.in_train, found.conflicting) == ({"val": 280, "test": 288}, 57)


def _check_subset_lists(root: Path, shared: Path) -> None:
    """The published occlusion list names our files, and its labels agree with the majority on 98 % of them."""
    order = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
    with (root / "dataset.csv").open() as file:
        labels = {Path(row["path"]).name: row["label"] for row in csv.DictReader(file) if row["split"] == "test"}
    listed = [
        line.split()[0].split("_")
        for line in (shared / "data/lists/ferplus_occlusion.txt").read_text().split("\n")
        if line
    ]
    assert len(listed) == 605
    assert all(name in labels for _, name in listed)
    assert sum(labels[name] == order[int(code)] for code, name in listed) == 592
