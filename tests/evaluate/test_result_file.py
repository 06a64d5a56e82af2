"""The layout of result.json: one JSON schema for what `fer train` and `fer eval` write, read strictly."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fercli.errors import DataError
from fercli.evaluate.result_file import FORMAT, ModelFacts, ResultFile, predictions_path, read_result
from fercli.evaluate.scores import Score


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads(files("fercli.evaluate").joinpath("result.schema.json").read_text())


def test_schema__has_the_fields_of_the_types(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    layouts = ((schema, ResultFile), (schema["properties"]["model"], ModelFacts), (schema["$defs"]["score"], Score))
    for layout, kind in layouts:
        assert set(layout["properties"]) == set(layout["required"]) == {field.name for field in fields(kind)}
    assert schema["properties"]["format"]["const"] == FORMAT


def test_write_result__fits_the_schema_and_is_read_again(result_folder, tmp_path, fits_schema):
    folder = result_folder(tmp_path / "run", {"val": {}, "test": {"accuracy": 0.5}}, selection="last", epoch=3)
    record = json.loads((folder / "result.json").read_text())
    fits_schema(record)
    assert next(iter(record)) == "format"
    result = read_result(folder)
    assert result == read_result(folder / "result.json")
    assert (result.selection, result.epoch) == ("last", 3)
    assert (result.main_score.split, result.main_score.accuracy) == ("test", 0.5)
    assert result.scores[0].confusion == ((3, 1), (0, 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 1}, "format: 1"),
        ({"format": None}, "not a result of format 2"),
        ({"scores": []}, "without scores"),
        ({"epoch": "last", "color": 1}, "unknown field color; epoch: 'last' is not a valid int"),
    ],
)
def test_read_result__reports_everything_that_does_not_fit(changes, message, result_folder, tmp_path):
    file = result_folder(tmp_path / "run", {"test": {}}) / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(DataError, match=message) as caught:
        read_result(tmp_path / "run")
    assert str(file) in caught.value.message


def test_read_result__of_no_json_is_refused(tmp_path):
    with pytest.raises(DataError, match="could not read"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text("[1]")
    with pytest.raises(DataError, match="format: none"):
        read_result(tmp_path)


def test_predictions_path__is_the_table_behind_the_main_score(result_folder, tmp_path):
    folder = result_folder(tmp_path / "run", {"val": {}, "test": {}}, predictions={"val": "v.csv", "test": "t.csv"})
    assert predictions_path(folder) == folder / "t.csv"
    assert predictions_path(Path("table.csv")) == Path("table.csv")
    without = result_folder(tmp_path / "other", {"test": {}})
    with pytest.raises(DataError, match="no predictions for the test split"):
        predictions_path(without)


def test_docs__describe_every_key(schema):
    page = Path(__file__).parents[2].joinpath("docs/results.md").read_text(encoding="utf-8")
    keys = {
        *schema["properties"],
        *schema["properties"]["model"]["properties"],
        *schema["$defs"]["score"]["properties"],
    }
    assert {key for key in keys if f"`{key}`" not in page} == set()
