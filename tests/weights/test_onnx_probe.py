"""ONNX files that do not answer as their card says are refused when they are opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.errors import WeightsError
from fercli.weights import onnx_probe
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import LoadedClassifier, open_onnx

CARD = WeightsCard(
    name="test", version="1", labels=("neutral", "happiness", "anger"), schema="three",
    crop=template("arcface"), model=model_preset("btn-tiny"),
)  # fmt: skip


def _write(path: Path, *, names: tuple[str, str] = ("images", "logits"), weights: np.ndarray, side: int = 48) -> Path:
    """A file of one matrix product over the channels' means."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", [names[0], "axes"], ["means"], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], [names[1]]),
        ],
        "test",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, ["batch", 3, side, side])],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, ["batch", weights.shape[1]])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
            helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel()),
        ],
    )
    return _save(path, graph)


def _save(path: Path, graph: onnx.GraphProto) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"card": CARD.to_json()})
    onnx.save(model, path)
    return path


def _endless(path: Path) -> Path:
    """A file whose answer needs a loop of 2 ** 62 steps."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Add", ["sum", "sum"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0),
            helper.make_node("Loop", ["steps", "true", "means"], ["logits"], body=body),
        ],
        "endless",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 48, 48])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
            helper.make_tensor("steps", TensorProto.INT64, [], [2**62]),
            helper.make_tensor("true", TensorProto.BOOL, [], [True]),
        ],
    )
    return _save(path, graph)


def test_open_onnx__takes_a_file_that_answers_as_its_card_says(tmp_path: Path):
    classifier = open_onnx(_write(tmp_path / "a.onnx", weights=np.eye(3, dtype=np.float32)), device="cpu")
    assert classifier.logits(np.zeros((2, 48, 48, 3), np.uint8)).shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"weights": np.ones((3, 4), np.float32)}, r"returns float32 \[1, 4\] for a face, its card has 3 classes"),
        ({"weights": np.full((3, 3), np.nan, np.float32)}, "not finite"),
        ({"weights": np.full((3, 3), np.inf, np.float32)}, "not finite"),
        ({"weights": np.eye(3, dtype=np.float32), "names": ("pictures", "logits")}, "does not run as its card says"),
        ({"weights": np.eye(3, dtype=np.float32), "names": ("images", "scores")}, "does not run as its card says"),
        ({"weights": np.eye(3, dtype=np.float32), "side": 96}, "does not run as its card says"),
    ],
)
def test_open_onnx__refuses_other_answers(options: dict[str, object], reason: str, tmp_path: Path):
    path = _write(tmp_path / "a.onnx", **options)  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=reason) as refused:
        open_onnx(path, device="cpu")
    assert str(path) in refused.value.message


def test_open_onnx__refuses_an_endless_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnx_probe, "LIMIT_S", 0.5)
    with pytest.raises(WeightsError, match="one face takes more than"):
        open_onnx(_endless(tmp_path / "a.onnx"), device="cpu")


def test_classifier__raises_for_answers_that_are_not_finite():
    classifier = LoadedClassifier(CARD, "onnx", "cpu", lambda crops: np.full((len(crops), 3), np.nan, np.float32))
    with pytest.raises(WeightsError, match="not finite"):
        classifier.classify(np.zeros((1, 48, 48, 3), np.uint8))
