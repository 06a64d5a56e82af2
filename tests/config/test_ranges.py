"""Ranges of the fields of cards and recipes: every number has one, and nothing outside of it is accepted."""

from __future__ import annotations

import dataclasses
import json
import math
import time
import tracemalloc
import typing
from typing import Any

import pytest

from fercli.config.model import BtnConfig
from fercli.config.presets import MODELS
from fercli.config.ranges import Within, range_errors, shown
from fercli.config.settings import override
from fercli.config.templates import CropTemplate, template
from fercli.config.training import TrainConfig
from fercli.errors import FerError, UsageError, WeightsError
from fercli.system.json_text import parse_json
from fercli.weights.card import WeightsCard
from fercli.weights.conventions import Convention

CARD = WeightsCard(
    name="test", version="1", labels=("neutral", "happiness"), schema="two", crop=template("fer2013"),
    model=dataclasses.replace(MODELS["btn-tiny"], conventions=("posed",)), convention="perceived",
    conventions=(Convention("posed"),),
)  # fmt: skip


def _numbers(kind: type, prefix: str = "") -> dict[str, tuple[Any, Within | None]]:
    """Every field of a nested dataclass that holds numbers: its type and its range."""
    found = {}
    hints = typing.get_type_hints(kind, include_extras=True)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        extras = getattr(hint, "__metadata__", ())
        plain = typing.get_args(hint)[0] if extras else hint
        if dataclasses.is_dataclass(plain):
            found |= _numbers(plain, f"{prefix}{item.name}.")
        elif "int" in str(plain).replace("Point", "") or "float" in str(plain):
            found[prefix + item.name] = plain, next((extra for extra in extras if isinstance(extra, Within)), None)
    return found


@pytest.mark.parametrize("kind", [WeightsCard, BtnConfig, TrainConfig, Convention, CropTemplate])
def test_every_number_of_cards_and_recipes_has_a_range(kind: type):
    numbers = {name: within for name, (hint, within) in _numbers(kind).items() if "Literal" not in str(hint)}
    assert numbers
    assert [name for name, within in numbers.items() if within is None] == []
    assert all(math.isfinite(within.low) and math.isfinite(within.high) for within in numbers.values() if within)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the numbers of a JSON value are."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [place for name, item in items for place in _paths(item, (*path, name))]
    return [path] if isinstance(value, int | float) and not isinstance(value, bool) else []


HOSTILE = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "1" + "0" * 400, str(2**31), str(-(2**63)), "-1e30"]
HOSTILE += ["1e300", '"1"', "null", "true", "[" * 100_000 + "]" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "[[1]]"]


@pytest.mark.parametrize("hostile", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_card__refuses_hostile_values_in_every_number_before_anything_is_allocated(hostile: str):
    values = json.loads(CARD.to_json())
    values |= {"prior": {"neutral": 0.5, "happiness": 0.5}, "mixture": {"a": 1.0}}
    assert WeightsCard.from_json(json.dumps(values), where="a.onnx").prior["neutral"] == 0.5
    places = _paths(values)
    assert len(places) > 50
    started = time.process_time()
    tracemalloc.start()
    accepted = []
    for place in places:
        marked = json.loads(json.dumps(values))
        parent = marked
        for name in place[:-1]:
            parent = parent[name]
        parent[place[-1]] = "HERE"
        text = json.dumps(marked).replace('"HERE"', hostile)
        try:
            WeightsCard.from_json(text, where="a.onnx")
        except WeightsError as error:
            assert error.message.startswith("a.onnx: ") or error.message.startswith("card ")  # noqa: PT017
            assert len(error.message) < 3000  # noqa: PT017
        else:
            accepted.append(place)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert accepted == []
    assert peak < 100e6
    assert time.process_time() - started < 60


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"labels": [""]}, "at least two|is empty"),
        ({"labels": ["a\x1b[2J", "b"]}, "control characters"),
        ({"labels": ["a\u202eb", "b"]}, "control characters"),
        ({"name": "x" * 201}, "longer than 200"),
        ({"prior": {"neutral": "much", "happiness": 1}}, "prior: 'much' is not a valid float"),
        ({"mixture": {"a": {}}}, "mixture"),
        ({"format": True}, "card format True|format: True"),
        ({"scores": {"deep": json.loads("[" * 60 + "]" * 60)}}, "nest more than 50 levels"),
        ({"notes": ["x" * 5_000_000]}, "more than 4,000,000"),
        ({"crop": {"name": "x", "points": [[0.5, 0.5]] * 5, "source": ""}}, "coincide"),
    ],
)
def test_card__refuses_other_impossible_content(change: dict[str, Any], complaint: str):
    values = json.loads(CARD.to_json()) | change
    with pytest.raises(WeightsError, match=complaint):
        WeightsCard.from_json(json.dumps(values), where="a.onnx")


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1e30", "1e300", "9" * 5000])
def test_settings__refuse_hostile_values_in_every_number(text: str):
    accepted = []
    for config in (MODELS["btn-tiny"], TrainConfig()):
        for name, (hint, _) in _numbers(type(config)).items():
            count = str(hint).count("int") + str(hint).count("float") if "tuple" in str(hint) else 1
            try:
                override(config, [f"{name}={','.join([text] * count)}"])
            except UsageError:
                continue
            accepted.append(name)
    assert accepted == []


def test_range_errors__names_field_and_range():
    assert range_errors(dataclasses.replace(TrainConfig().loss, vit=math.nan), "loss.") == [
        "loss.vit must be at least 0 and at most 10,000, got nan"
    ]


@pytest.mark.parametrize(
    "spoiled",
    [10**5000, [10**5000], "x" * 10**6, [[[[1]]]] * 1000, {"a": 1}],
    ids=["integer", "in a list", "text", "nested", "mapping"],
)
def test_shown__is_short_whatever_the_value(spoiled: object):
    assert len(shown(spoiled)) < 400


@pytest.mark.parametrize("text", ["NaN", "1e999", "1" * 31, "[" * 60 + "]" * 60, "[" * 10**6, "{", ""])
def test_parse_json__raises_value_errors_only(text: str):
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)


def test_parse_json__reads_what_json_reads():
    text = '{"a": [1, -2.5, 1e3, true, null, "\\u00e4"], "b": {}}'
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize("suffix", [".json", ".toml", ".yaml"])
@pytest.mark.parametrize("depth", [60, 100_000])
def test_config_file__nested_deeply_is_a_usage_error(suffix: str, depth: int, tmp_path):
    from fercli.train.saved_config import read_saved_config

    nested = "[" * depth + "]" * depth
    text = {".json": f'{{"init": {nested}}}', ".toml": f"init = {nested}", ".yaml": f"init: {nested}"}[suffix]
    (tmp_path / f"a{suffix}").write_text(text)
    with pytest.raises(FerError) as caught:
        read_saved_config(tmp_path / f"a{suffix}")
    assert caught.value.exit_code == 2


def test_config_file__with_an_exploding_alias_stays_small(tmp_path):
    from fercli.train.saved_config import read_saved_config

    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (tmp_path / "a.yaml").write_text("\n".join(lines) + "\ninit: *a11\ntrain: {lr: *a11}\n")
    with pytest.raises(FerError) as caught:
        read_saved_config(tmp_path / "a.yaml")
    assert len(caught.value.message) < 5000
