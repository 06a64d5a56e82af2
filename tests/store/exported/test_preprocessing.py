import numpy as np
import onnx
import pytest

from fercli.core.preprocess import to_input
from fercli.errors import RefusedError
from fercli.store.exported.preprocessing import Preprocessing, compare_preprocessing, refuse_preprocessing
from fercli.store.exported.whole import whole_graph


@pytest.mark.parametrize("mean", [0.021, np.nan])
def test_refuse_preprocessing__other_probabilities_are_refused(mean):
    refuse_preprocessing(Preprocessing(6, 0.3, 0.019, 1.0))
    with pytest.raises(RefusedError, match="preprocessing in the graph changes probabilities"):
        refuse_preprocessing(Preprocessing(6, 0.3, mean, 1.0))


def test_compare_preprocessing__sees_a_graph_that_shows_pictures_otherwise(tiles, card, astronaut, tmp_path):
    def answers(crops):
        images = to_input(crops, card.model.input)
        return 4 * images.reshape(len(images), 3, 4, 12, 4, 12).mean(axis=(3, 5)).reshape(len(images), -1)

    onnx.save(whole_graph(tiles, card, "crops"), tmp_path / "whole.onnx")
    pictures = [np.ascontiguousarray(astronaut[:200, :300])]
    asked = {"card": card, "interface": "crops"}
    same = compare_preprocessing(lambda crops: answers(crops) / 4, tmp_path / "whole.onnx", pictures, **asked)
    assert same.mean_difference < 1e-3
    other = compare_preprocessing(
        lambda crops: answers(crops[:, ::-1, ::-1].copy()), tmp_path / "whole.onnx", pictures, **asked
    )
    assert other.mean_difference > 5 * same.mean_difference
