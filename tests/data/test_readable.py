"""Pictures that cannot be decoded are found before a run depends on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.data.open import open_dataset
from fercli.data.readable import require_readable
from fercli.data.training_changes import TrainingChanges, apply_changes
from fercli.errors import DataError

TRAIN = ["--model", "btn-tiny", "--from-scratch", "--device", "cpu", "--quiet"]
TRAIN += ["--set", "epochs=1", "--set", "batch_size=6", "--set", "sam.rho=0"]


@pytest.fixture
def faces(two_classes: Callable[..., Path]) -> Path:
    """Eight training images, of which two cannot be decoded; of the four of val and test each, one of val."""
    root = two_classes(train=4, val=2, test=2)
    (root / "train" / "sadness" / "0.png").write_bytes((root / "train" / "sadness" / "0.png").read_bytes()[:100])
    (root / "train" / "happiness" / "3.png").write_text("hello")
    (root / "val" / "sadness" / "1.png").write_bytes(b"")
    return root


def test_require_readable__names_every_file_and_its_fault(faces: Path):
    dataset = open_dataset(str(faces))
    with pytest.raises(DataError) as refused:
        require_readable(dataset.samples, dataset.root)
    message = refused.value.message
    assert message.startswith("3 of 16 pictures cannot be read: ")
    for name in (
        "train/sadness/0.png (the picture is",
        "train/happiness/3.png (not a picture",
        "val/sadness/1.png (the file",
    ):
        assert name in message
    assert "--skip-unreadable" in refused.value.fix


def test_apply_changes__excludes_and_reports_what_cannot_be_read(faces: Path):
    dataset = open_dataset(str(faces))
    changed = apply_changes(dataset, TrainingChanges(skip_unreadable=True))
    assert [len(changed.split(split)) for split in ("train", "val", "test")] == [6, 3, 4]
    assert changed.name.endswith("without 3 unreadable pictures")
    assert changed.fingerprint != dataset.fingerprint
    require_readable(changed.samples, changed.root)
    assert apply_changes(changed, TrainingChanges(skip_unreadable=True)) is changed


def test_train__lists_broken_pictures_before_the_run_begins(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "run"
    assert main(["train", str(faces), "-o", str(out), *TRAIN]) == 3
    assert "3 of 16 pictures cannot be read" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
def test_train__leaves_broken_pictures_out_on_request(faces: Path, tmp_path: Path):
    assert main(["train", str(faces), "-o", str(tmp_path / "run"), *TRAIN, "--skip-unreadable"]) == 0
    assert (tmp_path / "run" / "result.json").is_file()


@pytest.mark.shared
def test_train__refuses_the_shared_training_set(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = shared / "cases" / "broken_training_picture"
    assert main(["train", str(folder), "-o", str(tmp_path / "run"), *TRAIN]) == 3
    assert "sadness/bad.jpg" in capsys.readouterr().err
