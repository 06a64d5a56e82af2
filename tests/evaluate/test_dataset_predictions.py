"""Predictions for the images of a data set: batches, unreadable images, test-time augmentation."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fercli.errors import DataError
from fercli.evaluate.evaluate import EvaluateOptions, evaluate
from fercli.evaluate.results import to_result_file


def test_evaluate__flip_is_the_mean_over_a_face_and_its_mirror_image(fast, use, tmp_path, monkeypatch):
    # the fake sees the left edge: the mirror image of the first picture is read as anger, as sure as it is fear
    for name, columns in {"fear/a": (0, 1), "fear/b": (0, 0), "anger/c": (1, 1)}.items():
        pixels = np.repeat(np.repeat(np.array(columns, np.uint8) * 40, 3)[None], 6, axis=0)
        (tmp_path / f"data/test/{name}.png").parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"data/test/{name}.png")
    use("fear", "anger")
    plain, flipped = (
        evaluate("toy", str(tmp_path / "data"), EvaluateOptions(flip=flip), out=tmp_path / str(flip))
        for flip in (False, True)
    )
    assert (plain.augmentation, flipped.augmentation) == (
        None,
        "mean of the probabilities of a face and its mirror image",
    )
    # at the card's temperature 0.7, 0.7, 0.7 of the truth, and 0.5, 0.7, 0.7
    assert plain.after.nll == pytest.approx(-np.log(0.7), abs=1e-6)
    assert flipped.after.nll == pytest.approx(-np.log([0.5, 0.7, 0.7]).mean(), abs=1e-6)
    # at 1, 1.5 times the logit: 0.7^1.5 / (0.7^1.5 + 0.3^1.5) = 0.7809
    assert flipped.before.nll == pytest.approx(-np.log([0.5, 0.7809, 0.7809]).mean(), abs=1e-4)
    assert to_result_file(flipped).test_time_augmentation == flipped.augmentation
    assert "test-time augmentation" in (tmp_path / "True" / "report.html").read_text()
    assert "test-time augmentation" not in (tmp_path / "False" / "report.html").read_text()


def test_evaluate__refuses_a_model_for_something_else(use, folder):
    use("cat", "dog")
    with pytest.raises(DataError, match="none of the classes"):
        evaluate("toy", str(folder))


def test_evaluate__classifies_the_images_in_batches(use, folder):
    fake = use("fear", "anger")
    seen: list[tuple[int, int | None]] = []
    evaluate(
        "toy", str(folder), EvaluateOptions(batch_size=4), progress=lambda done, total, note: seen.append((done, total))
    )
    assert fake.batches == [4, 2]
    assert seen == [(4, 6), (6, 6)]


def test_evaluate__of_a_missing_split_names_one_that_is_there(use, folder):
    use("fear", "anger")
    with pytest.raises(DataError, match="no val images") as caught:
        evaluate("toy", str(folder), EvaluateOptions(split="val"))
    assert caught.value.fix == "--split test"


def test_evaluate__names_all_images_it_cannot_read(use, folder):
    use("fear", "anger")
    for name in ("fear/a.png", "anger/f.png"):
        (folder / "test" / name).write_text("not a picture")
    with pytest.raises(DataError) as caught:
        evaluate("toy", str(folder), EvaluateOptions(batch_size=2))
    assert "2 of 6 images" in caught.value.message
    assert "a.png" in caught.value.message
    assert "f.png" in caught.value.message
