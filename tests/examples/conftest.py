import numpy as np
import onnx
import pytest
from onnx import helper

from fercli.export.preprocessing import add_preprocessing
from fercli.weights.card import WeightsCard
from fercli.weights.files import read_card
from fercli.weights.find import find_weights


@pytest.fixture(scope="session")
def shipped():
    """The shipped ONNX file, which takes normalised images."""
    return find_weights(None, (".onnx",))


@pytest.fixture(scope="session")
def shipped_crops(shipped, tmp_path_factory):
    """The same model with its preprocessing inside: uint8 crops of any size in."""
    card = read_card(shipped)
    graph = add_preprocessing(onnx.load(shipped), card, "crops")
    helper.set_model_props(graph, {"card": card.to_json(), "interface": "crops"})
    path = tmp_path_factory.mktemp("crops") / "model.onnx"
    onnx.save(graph, path)
    return path


@pytest.fixture(scope="session")
def crop(shipped, astronaut):
    """The astronaut's face roughly in place, at the model's size: uint8 [S, S, 3]."""
    import cv2

    card: WeightsCard = read_card(shipped)
    side = card.model.input.size
    return np.ascontiguousarray(cv2.resize(astronaut[40:180, 155:295], (side, side), interpolation=cv2.INTER_AREA))
