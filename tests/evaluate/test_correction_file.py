"""The confusion matrix of a result of `fer eval`, for the correction of shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.evaluate.correction_file import read_correction
from fercli.evaluate.result_file import ModelFacts, ResultFile, write_result
from fercli.evaluate.scores import score_matrix


@pytest.fixture
def result(tmp_path: Path) -> Path:
    # rows neutral, happiness, sadness; no image of sadness
    score = score_matrix(
        np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]]), split="val", labels=("neutral", "happiness", "sadness")
    )
    model = ModelFacts("toy", "1", "btn-tiny", "onnx", "cpu", convention="own", prior="uniform: ...")
    write_result(
        tmp_path / "result.json",
        ResultFile("fer eval 1", "toys", None, score.labels, model, None, None, None, None, None, (score,), {}),
    )
    return tmp_path


def test_read_correction__has_the_order_of_the_classes_and_what_it_was_measured_with(result: Path):
    correction = read_correction(result, ("happiness", "neutral"))
    assert correction.counts.tolist() == [[9, 1], [2, 8]]
    assert correction.source == "toy 1 on the val split of toys (20 images)"
    assert correction.weights == "toy, version 1"
    assert correction.settings == {
        "label convention": "own",
        "class shares": "uniform: ...",
        "test-time augmentation": None,
    }


def test_read_correction__refuses_classes_without_images(result: Path):
    with pytest.raises(DataError, match="no images of sadness, fear"):
        read_correction(result, ("neutral", "sadness", "fear"))
