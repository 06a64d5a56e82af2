"""Rows of --json obey their JSON schema."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from referencing import Registry, Resource

from fercli.media.sources import Source
from fercli.predict.image_result import ImageResult
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


@pytest.mark.parametrize(
    "change",
    [
        {"face": 0},
        {"probability": 0.5},
        {"landmarks": [[0, 0]] * 5},
        {"detection_score": 0.9},
        {"track": 1},
        {"detail": None},
    ],
)
def test_schema__refuses_a_face_in_a_row_without_one(schema, without_face: Prediction, change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**without_face.to_dict(), **change}, schema)


def test_image_result__obeys_its_schema(schema, classified: Prediction, without_face: Prediction):
    text = files("fercli.rows").joinpath("image_result.schema.json").read_text(encoding="utf-8")
    whole = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(whole)
    rows = Registry().with_resource(schema["$id"], Resource.from_contents(schema))
    validator = jsonschema.Draft202012Validator(whole, registry=rows)
    for rows_of_frame in ((classified,), (without_face,), (classified, replace(classified, face=1))):
        result = ImageResult(Source(Path("a.mp4"), "video", Path("a.mp4")), None, 0.16, rows_of_frame, 4)
        validator.validate(json.loads(result.to_json()))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**result.to_dict(), "predictions": [{**classified.to_dict(), "label": None}]})
    assert set(whole["required"]) == set(whole["properties"]) == set(result.to_dict())


def test_prediction__is_picklable(classified: Prediction):
    assert pickle.loads(pickle.dumps(classified)) == classified
