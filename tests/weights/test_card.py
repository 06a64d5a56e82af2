import json
from typing import Any

import pytest

from fercli.config.presets import MODELS
from fercli.config.templates import TEMPLATES
from fercli.config.templates import template as named_template
from fercli.errors import WeightsError
from fercli.weights.card import WeightsCard


def card(**changes: Any) -> WeightsCard:
    values: dict[str, Any] = {
        "name": "test",
        "version": "1",
        "labels": ("neutral", "happiness"),
        "schema": "folder",
        "crop": TEMPLATES["fer2013"],
        "model": MODELS["btn-tiny"],
        "scores": {"overall": 0.5},
    }
    return WeightsCard(**(values | changes))


@pytest.mark.parametrize("preset", MODELS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_card__comes_back_from_json_as_it_was(preset: str, template: str):
    original = card(model=MODELS[preset], crop=TEMPLATES[template], temperature=1.5, notes=("kept",))
    assert WeightsCard.from_json(original.to_json(), where="here") == original


@pytest.mark.parametrize(("template", "detector"), [("fer2013", "mtcnn"), ("fer2013+0.1", "mtcnn"), ("arcface", None)])
def test_from_json__names_the_detector_of_the_template_in_earlier_cards(template: str, detector: str | None):
    values = json.loads(card(crop=named_template(template)).to_json())
    del values["crop"]["detector"]
    assert WeightsCard.from_json(json.dumps(values), where="here").crop.detector == detector


@pytest.mark.parametrize("labels", [(), ("fear",), ("fear", "fear")])
def test_card__needs_two_distinct_labels(labels: tuple[str, ...]):
    with pytest.raises(WeightsError, match="two distinct labels"):
        card(labels=labels)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_card__needs_a_positive_temperature(temperature: float):
    with pytest.raises(WeightsError, match=r"temperature must be at least 0\.001 and at most 1,000"):
        card(temperature=temperature)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("not json", "its card is not JSON"),
        ("[1, 2]", "its card is not a JSON object"),
        ('{"format": 99}', "card format 99, this program reads 1"),
        ("{}", "card format None, this program reads 1"),
    ],
)
def test_from_json__reports_where_and_what_is_wrong(text: str, complaint: str):
    with pytest.raises(WeightsError, match=complaint) as caught:
        WeightsCard.from_json(text, where="weights/a.onnx")
    assert caught.value.message.startswith("weights/a.onnx: ")


def test_from_json__lists_every_unfit_field_together():
    values = json.loads(card().to_json())
    values["labels"] = "neutral"
    values["model"]["input"]["sise"] = 3
    del values["crop"]
    with pytest.raises(WeightsError) as caught:
        WeightsCard.from_json(json.dumps(values), where="a.onnx")
    for fault in ("labels: 'neutral' is not a list", "unknown field model.input.sise", "missing field crop"):
        assert fault in caught.value.message
