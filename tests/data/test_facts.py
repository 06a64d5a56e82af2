"""The facts about a data set that a run records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fercli.data.facts import data_facts
from fercli.data.open import open_dataset
from fercli.errors import DataError

MANIFEST = """name,split,label,sha256,pixels_sha256,width,height
train/happiness/0.png,train,happiness,,,,
train/sadness/0.png,train,sadness,,,,
test/happiness/0.png,test,happiness,,,,
test/sadness/0.png,test,sadness,,,,
"""
# what sha256sum says of these lines
DIGEST = "0f60b752b708e54cdaee193ec2ad81ec3f6c7f88ddc7d9fbee67be45223b8828"


def test_data_facts__keep_the_hash_of_a_manifest_that_names_these_images(
    two_classes: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    faces = open_dataset(str(two_classes(train=1, test=1)))
    monkeypatch.chdir(tmp_path)
    assert data_facts(faces)["manifest"] is None
    named = tmp_path / "other.csv"
    named.write_text(MANIFEST)
    assert data_facts(faces, manifest=named)["manifest"] == {"file": str(named), "sha256": DIGEST}
    unnamed = Path(f"{faces.name}.manifest.csv")
    unnamed.write_text(MANIFEST)
    assert data_facts(faces)["manifest"] == {"file": str(unnamed), "sha256": DIGEST}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,split\n", "is not the manifest"),
        (MANIFEST.replace("test/sadness/0.png,test", "test/sadness/0.png,train"), "the first is test/sadness/0.png"),
        (MANIFEST.replace("train/happiness/0.png", "train/happiness/7.png"), "1 of faces are not in it"),
    ],
)
def test_data_facts__of_another_data_sets_manifest_are_refused_or_do_without(
    two_classes: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
):
    faces = open_dataset(str(two_classes(train=1, test=1)))
    monkeypatch.chdir(tmp_path)
    path = Path("faces.manifest.csv")
    path.write_text(text)
    assert data_facts(faces)["manifest"] is None
    with pytest.raises(DataError, match=message) as caught:
        data_facts(faces, manifest=path)
    assert "fer data check" in caught.value.fix
