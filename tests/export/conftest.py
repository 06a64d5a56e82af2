import pytest
from onnx import TensorProto, helper

from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.weights.card import WeightsCard

TILES = 4


@pytest.fixture
def card():
    """A card whose labels are the means of 4 x 4 tiles in each channel."""
    return WeightsCard(
        name="tiles",
        version="1",
        labels=tuple(f"{channel}{tile}" for channel in "rgb" for tile in range(TILES * TILES)),
        schema="tiles",
        crop=template("fer2013"),
        model=model_preset("btn-tiny"),
        temperature=2.0,
    )


@pytest.fixture
def tiles(card):
    """A graph whose logits are those means: where every part of a picture goes can be read from its answer."""
    tile = card.model.input.size // TILES
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["images"], ["pooled"], kernel_shape=[tile, tile], strides=[tile, tile]),
            helper.make_node("Flatten", ["pooled"], ["logits"]),
        ],
        "tiles",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 48, 48])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(card.labels)])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
