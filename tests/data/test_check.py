"""`fer data check`: published counts, broken pictures, duplicates, face positions, changes."""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.config.labels import SCHEMAS
from fercli.config.templates import template
from fercli.data.check import check
from fercli.data.open import open_dataset
from fercli.data.readers import READERS
from fercli.errors import DataError
from fercli.faces.crop import crop_face
from fercli.faces.detector import open_detector


def messages(result) -> str:
    return "\n".join(finding.message for finding in result.findings)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "manifest.csv"


def test_check__a_correct_folder_has_no_findings_and_a_manifest(official_tree, manifest):
    root = official_tree("folder")
    result = check(str(root), manifest=manifest, faces=0)
    assert (result.findings, result.errors, result.pictures, result.unreadable) == ((), 0, 18, 0)
    assert result.counts["val"] == {"happiness": 2, "sadness": 2, "anger": 2}
    with manifest.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    first = rows[0]
    assert (first["split"], first["width"], first["height"]) == ("train", "40", "40")
    assert first["sha256"] == hashlib.sha256((root / first["name"]).read_bytes()).hexdigest()
    assert result.manifest_sha256 == hashlib.sha256(manifest.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "layout"),
    [("rafdb", "rafdb"), ("affectnet8", "affectnet8-csv"), ("ferplus", "ferplus"), ("fer2013", "fer2013")],
)
def test_check__reports_differences_from_the_published_counts(official_tree, manifest, name, layout):
    result = check(name, official_tree(layout), manifest=manifest, faces=0)
    assert result.errors == len(READERS[name].published.counts)
    first = SCHEMAS[name].names[0]
    published = READERS[name].published.counts["test"][first]
    assert f"{first} {result.counts['test'][first]} instead of {published}" in messages(result)


def test_check__unconfirmed_counts_give_warnings_only(official_tree, manifest):
    result = check("expw", official_tree("expw"), manifest=manifest, faces=0)
    assert result.errors == 0
    assert "all: 168 images, published are 91,793" in messages(result)
    assert result.pictures == 84  # two faces each


def test_check__names_pictures_that_cannot_be_read(official_tree, manifest):
    root = official_tree("folder")
    (root / "test" / "anger" / "0.png").write_bytes((root / "test" / "anger" / "0.png").read_bytes()[:200])
    (root / "train" / "anger" / "1.png").write_text("no picture")
    result = check(str(root), manifest=manifest, faces=0)
    assert result.unreadable == result.pictures - 16 == 2
    assert "2 images cannot be read: train/anger/1.png: not a picture" in messages(result)
    assert "test/anger/0.png: the picture is truncated" in messages(result)
    assert len(manifest.read_text().splitlines()) == 19


@pytest.mark.parametrize(
    ("name", "layout", "pattern"),
    [
        ("rafdb", "rafdb", "*_aligned.jpg"),
        ("affectnet8", "affectnet8-csv", "*.jpg"),
        ("affectnet8", "affectnet8-npy", "*.jpg"),
        ("expw", "expw", "photo_*.jpg"),
    ],
)
def test_check__counts_existing_images_and_names_missing_ones(official_tree, manifest, name, layout, pattern):
    root = official_tree(layout)
    whole = check(name, root, manifest=manifest, faces=0)
    gone = sorted(root.rglob(pattern))[0]
    gone.unlink()
    result = check(name, root, manifest=manifest, faces=0, overwrite=True)
    assert result.errors == whole.errors + 1
    assert " missing: " in messages(result)
    assert f"{gone.name} does not exist" in messages(result)
    assert result.pictures == whole.pictures - 1
    with pytest.raises(DataError, match="does not exist"):
        open_dataset(name, root)


def test_check__finds_duplicates_across_splits_by_their_pixels(official_tree, manifest):
    root = official_tree("folder")
    Image.open(root / "train" / "anger" / "0.png").save(root / "test" / "happiness" / "copy.bmp")  # other bytes
    shutil.copy(root / "train" / "sadness" / "0.png", root / "val" / "sadness" / "copy.png")
    result = check(str(root), manifest=manifest, faces=0)
    assert (result.duplicates.groups, result.duplicates.in_train, result.duplicates.conflicting) == (
        2,
        {"val": 1, "test": 1},
        1,
    )
    assert result.errors == 0
    assert "1 test image also occurs in train (known: 0)" in messages(result)
    assert "1 picture occurs more than once with different labels" in messages(result)


def test_check__known_duplicates_are_no_finding(official_tree, manifest):
    # the tree has one PrivateTest image that is in Training too; 288 of FER2013's are known to be
    result = check("fer2013", official_tree("fer2013"), manifest=manifest, faces=0)
    assert result.duplicates.in_train == {"val": 0, "test": 1}
    assert "in train (known" not in messages(result)


def test_check__finds_faces_outside_their_picture(official_tree, manifest):
    root = official_tree("expw")
    table = root / "label" / "label.lst"
    table.write_text(table.read_text().replace("photo_0_0.jpg 0 10 5 35 40", "photo_0_0.jpg 0 90 5 40 135"))
    result = check("expw", root, manifest=manifest, faces=0)
    assert "1 face outside the picture: photo_0_0.jpg#0" in messages(result)
    assert result.errors == 1


def test_check__compares_with_an_earlier_manifest(official_tree, manifest):
    root = official_tree("folder")
    check(str(root), manifest=manifest, faces=0)
    before = manifest.read_bytes()
    assert check(str(root), manifest=manifest, faces=0).findings == ()
    (root / "train" / "anger" / "0.png").rename(root / "train" / "sadness" / "moved.png")
    shutil.copy(root / "val" / "anger" / "0.png", root / "val" / "anger" / "1.png")
    result = check(str(root), manifest=manifest, faces=0)
    assert "1 changed (val/anger/1.png), 1 removed (train/anger/0.png), 1 added (train/sadness/moved.png)" in messages(
        result
    )
    assert result.errors == 1
    assert manifest.read_bytes() == before
    assert check(str(root), manifest=manifest, faces=0, overwrite=True).errors == 0
    assert manifest.read_bytes() != before


def test_check__refuses_a_file_that_is_not_a_manifest(official_tree, manifest):
    manifest.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not the manifest of a data set"):
        check(str(official_tree("folder")), manifest=manifest, faces=0)


@pytest.mark.slow
def test_check__recognises_aligned_crops(astronaut, tmp_path, manifest):
    # a real face, aligned (with a pixel or two of error) and as it is cut out by hand
    face = open_detector(device="cpu").detect([astronaut])[0][0]
    draw = np.random.default_rng(0)
    for number in range(4):
        crop, _ = crop_face(astronaut, face.landmarks + draw.normal(0, 0.5, (5, 2)), template("arcface"), 112)
        path = tmp_path / "aligned" / "test" / "happiness" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(path)
        left, top = draw.integers(120, 170), draw.integers(20, 60)
        path = tmp_path / "cut" / "test" / "happiness" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(astronaut[top : top + 160, left : left + 160]).save(path)
    aligned = check(str(tmp_path / "aligned"), manifest=manifest, device="cpu")
    assert (aligned.position.faces, aligned.position.template, aligned.position.aligned) == (4, "arcface", True)
    assert aligned.findings == ()
    cut = check(str(tmp_path / "cut"), manifest=tmp_path / "m2.csv", device="cpu")
    assert not cut.position.aligned
    assert "fer align" in messages(cut)


@pytest.mark.slow
def test_check__pictures_without_faces_are_a_warning(official_tree, manifest):
    result = check(str(official_tree("folder")), manifest=manifest, faces=4, device="cpu")
    assert result.position is None
    assert "a face was detected in only 0 of 4 images" in messages(result)
