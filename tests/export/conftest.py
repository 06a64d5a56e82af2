import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from fercli.config.labels import schema
from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.export.export import export
from fercli.export.options import ExportOptions
from fercli.models.btn import BTN
from fercli.weights.card import WeightsCard
from fercli.weights.files import save_weights

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
    """A graph whose logits are those means: they show where each part of an image is mapped to."""
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


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A small model with random weights and logits of a large spread."""
    torch.manual_seed(0)
    config = model_preset("btn-tiny")
    model = BTN(config, 8)
    nn.init.normal_(model.vit.head.weight)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    card = WeightsCard(
        name="tiny",
        version="1",
        labels=schema("ferplus").names,
        schema="ferplus",
        crop=template("fer2013"),
        model=config,
        temperature=2.0,
    )
    save_weights(path, model.inference_state(), card)
    return path


@pytest.fixture(scope="session")
def exported(weights):
    return export(weights, weights.with_suffix(".onnx"), ExportOptions(store="fp32"))


@pytest.fixture(scope="session")
def float16_stored(translated, weights):
    """The same model with its weights stored in float16; translated once for both."""
    return export(weights, weights.with_name("float16.onnx"), translate=translated)


@pytest.fixture(scope="session")
def translated(exported):
    """A translation that reads an exported file, so that a test need not run the exporter."""

    def translate(model, card, *, opset):
        graph = onnx.load(exported.out)
        del graph.metadata_props[:]  # a translation has none; the digest would be that of the exported file
        return graph

    return translate


@pytest.fixture(scope="session")
def read_metadata():
    """A function that reads the metadata of a file, JSON parsed."""

    def read(path):
        texts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        return {
            key: text if key in ("interface", "precision", "digest") else json.loads(text)
            for key, text in texts.items()
        }

    return read


@pytest.fixture(scope="session")
def run_check(read_metadata):
    """A function that runs a file on the test image of its own check, made from its metadata and doc string alone.

    It returns the logits [N], the check and the card.
    """

    def run(path):
        metadata = read_metadata(path)
        check, card = metadata["check"], metadata["card"]
        assert check["picture"].endswith("is the remainder of (5 y + 3 x + 80 c) / 256")
        image = np.fromfunction(
            lambda y, x, c: np.mod(5 * y + 3 * x + 80 * c, 256), (check["height"], check["width"], 3)
        ).astype(np.uint8)
        inputs = {"crops": image[None]}
        if metadata["interface"] == "images":
            grey = image @ np.array([0.299, 0.587, 0.114]) / 255
            planes = (
                np.stack([grey] * 3) if card["model"]["input"]["colour"] == "grey" else image.transpose(2, 0, 1) / 255
            )
            mean, deviation = (np.reshape(card["model"]["input"][name], (3, 1, 1)) for name in ("mean", "std"))
            inputs = {"images": ((planes - mean) / deviation)[None].astype(np.float32)}
        if metadata["interface"] == "faces":
            inputs["points"] = np.array([check["points"]], np.float32)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(["logits"], inputs)[0][0], check, card

    return run
