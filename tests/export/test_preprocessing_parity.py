from pathlib import Path

import numpy as np
import onnx
import pytest

from fercli.errors import RefusedError
from fercli.export.preprocessing import add_preprocessing
from fercli.export.preprocessing_parity import PreprocessingParity, compare_preprocessing, refuse_preprocessing
from fercli.weights.onnx_interface import CROPS
from fercli.weights.preprocess import to_input


@pytest.mark.parametrize(
    ("largest", "mean", "agreement"),
    [(0.15, 0.021, 1.0), (0.21, 0.019, 1.0), (0.15, 0.019, 31 / 32), (np.nan, np.nan, 1.0)],
)
def test_refuse_preprocessing__other_probabilities_are_refused(largest, mean, agreement):
    refuse_preprocessing(PreprocessingParity(32, 0.15, 0.019, 31 / 32, 1.0))
    with pytest.raises(RefusedError, match="preprocessing in the graph changes probabilities"):
        refuse_preprocessing(PreprocessingParity(32, largest, mean, agreement, agreement))


def _tile_means(crops, card):
    """Logits of the graph of tiles for crops [B, S, S, 3]."""
    images = to_input(crops, card.model.input)
    return images.reshape(len(images), 3, 4, 12, 4, 12).mean(axis=(3, 5)).reshape(len(images), -1)


def test_compare_preprocessing__notices_a_graph_that_shows_images_differently(tiles, card, astronaut, tmp_path):
    onnx.save(add_preprocessing(tiles, card, "crops"), tmp_path / "whole.onnx")
    pictures = [np.ascontiguousarray(astronaut[:200, :300])]
    options = {"card": card, "interface": "crops"}
    same = compare_preprocessing(lambda crops: _tile_means(crops, card), tmp_path / "whole.onnx", pictures, **options)
    assert same.mean_difference < 1e-3
    other = compare_preprocessing(
        lambda crops: 4 * _tile_means(crops[:, ::-1, ::-1].copy(), card), tmp_path / "whole.onnx", pictures, **options
    )
    assert other.mean_difference > 5 * same.mean_difference


@pytest.mark.parametrize(
    ("expected", "in_graph", "clear"),
    [
        ((0.39, 0.33, 0.28), (0.35, 0.37, 0.28), 1.0),  # 0.06 apart: two changes of 0.04 exchange them
        ((0.55, 0.30, 0.15), (0.41, 0.44, 0.15), 0.0),  # 0.25 apart: no near-tie
        ((0.55, 0.30, 0.15), (0.45, 0.40, 0.15), 1.0),  # the same class
    ],
)
def test_compare_preprocessing__another_class_is_accepted_in_a_near_tie_alone(
    card, monkeypatch, expected, in_graph, clear
):
    class Session:
        def run(self, outputs, inputs):
            return [np.repeat([in_graph], len(inputs[CROPS]), axis=0)]

    monkeypatch.setattr("fercli.export.preprocessing_parity.open_session", lambda path, device: (Session(), "cpu"))
    parity = compare_preprocessing(
        lambda crops: card.temperature * np.log([expected]),
        Path("whole.onnx"),
        [np.zeros((9, 9, 3), np.uint8)],
        card=card,
        interface="crops",
    )
    assert parity.clear_agreement == clear
    assert parity.max_difference == pytest.approx(np.abs(np.subtract(expected, in_graph)).max())


def test_compare_preprocessing__notices_a_graph_that_aligns_a_whole_batch_by_its_first_face(
    tiles, card, astronaut, tmp_path
):
    whole = add_preprocessing(tiles, card, "faces")
    for node in whole.graph.node:
        node.input[:] = ["first_points" if name == "points" else name for name in node.input]
    spread = onnx.parser.parse_graph(
        """first () => () {
            zeros = Sub (points, points)
            index = Constant <value_ints = [0]> ()
            one_row = Gather <axis = 0> (points, index)
            first_points = Add (zeros, one_row)
        }"""
    )
    nodes = [*spread.node, *whole.graph.node]
    del whole.graph.node[:]
    whole.graph.node.extend(nodes)
    onnx.save(whole, tmp_path / "whole.onnx")
    pictures = [np.ascontiguousarray(astronaut[:200, 100:400])] * 2
    options = {"card": card, "interface": "faces"}
    alone = compare_preprocessing(
        lambda crops: _tile_means(crops, card), tmp_path / "whole.onnx", pictures[:1], **options
    )
    both = compare_preprocessing(lambda crops: _tile_means(crops, card), tmp_path / "whole.onnx", pictures, **options)
    assert both.mean_difference > 2 * alone.mean_difference
