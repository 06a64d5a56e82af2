"""Raw pictures through detection, crop and model."""

from __future__ import annotations

import csv

import pytest

from fercli.evaluate.evaluate import EvaluateOptions, evaluate
from fercli.results import Face


class Faces:
    """Finds a face in the middle of every picture but the one whose last pixel says 9."""

    def detect(self, frames, *, min_face_px=None):
        five = ((2.0, 2.0), (4.0, 2.0), (3.0, 3.0), (2.2, 4.0), (3.8, 4.0))
        return [[] if rgb[-1, -1, 0] == 9 else [Face((0.0, 0.0, 6.0, 6.0), 0.99, five)] for rgb in frames]


def test_evaluate__counts_pictures_without_a_face_as_errors(fast, picture, use, folder, tmp_path, monkeypatch):
    use("fear", "anger")
    raw = tmp_path / "raw"
    for name, seen, number in [("fear/a", 0, 0), ("fear/b", 1, 0), ("fear/c", 0, 9), ("anger/d", 1, 0)]:
        picture(raw / f"test/{name}.png", seen, number)
    (raw / "test/anger/e.png").write_text("no picture")
    result = evaluate(
        "toy", str(folder), EvaluateOptions(end_to_end=str(raw)), detector=Faces(), out=tmp_path / "out"
    ).end_to_end
    assert result is not None
    assert (result.images, result.detected, result.without_face, result.unreadable) == (5, 3, 1, 1)
    assert result.accuracy == pytest.approx(2 / 5)
    assert result.mean_accuracy == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert result.detected_score is not None
    assert result.detected_score.accuracy == pytest.approx(2 / 3)
    with (tmp_path / "out/end_to_end.csv").open() as file:
        rows = {row["source"]: (row["status"], row["label"]) for row in csv.DictReader(file)}
    assert rows == {
        "test/anger/d.png": ("ok", "anger"),
        "test/anger/e.png": ("unreadable", ""),
        "test/fear/a.png": ("ok", "fear"),
        "test/fear/b.png": ("ok", "anger"),
        "test/fear/c.png": ("no_face", ""),
    }


def test_evaluate__flip_sees_the_mirror_image_end_to_end_too(fast, picture, use, folder, tmp_path):
    picture(tmp_path / "raw/test/fear/a.png", 0, 0)
    batches = []
    for flip in (False, True):
        fake = use("fear", "anger")
        options = EvaluateOptions(end_to_end=str(tmp_path / "raw"), flip=flip)
        result = evaluate("toy", str(folder), options, detector=Faces()).end_to_end
        assert result is not None
        assert result.accuracy == 1
        batches.append(sum(fake.batches))
    assert batches[1] == 2 * batches[0]
