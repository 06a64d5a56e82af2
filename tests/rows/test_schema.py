"""Rows of --json obey their JSON schema."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from importlib.resources import files
from typing import get_args

import jsonschema
import pytest

from fercli.results import CLASSIFIED, Prediction, Status


@pytest.fixture(scope="module")
def schema():
    return json.loads(files("fercli.rows").joinpath("prediction.schema.json").read_text(encoding="utf-8"))


def test_schema__is_valid_and_describes_every_key(schema, classified: Prediction):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["required"]) == set(schema["properties"]) == set(classified.to_dict())
    assert set(schema["properties"]["status"]["enum"]) == set(get_args(Status))
    assert schema["if"]["properties"]["status"]["enum"] == list(CLASSIFIED)


def test_to_json__obeys_the_schema(schema, classified: Prediction, without_face: Prediction):
    validator = jsonschema.Draft202012Validator(schema)
    unreadable = Prediction(source="b.jpg", status="unreadable", detail="not a picture")
    for prediction in (classified, without_face, unreadable, replace(classified, frame=None, time_s=None, track=None)):
        row = json.loads(prediction.to_json())
        validator.validate(row)
        assert row == prediction.to_dict()


@pytest.mark.parametrize(
    "change", [{"status": "fine"}, {"label": None}, {"probability": 1.5}, {"box_xyxy": [1, 2, 3]}, {"face": "0"}]
)
def test_schema__refuses_other_rows(schema, classified: Prediction, change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**classified.to_dict(), **change}, schema)


def test_prediction__is_picklable(classified: Prediction):
    assert pickle.loads(pickle.dumps(classified)) == classified
