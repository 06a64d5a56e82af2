from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from fercli.config.validate import from_dict
from fercli.errors import DataError, WeightsError


@dataclass(frozen=True)
class Inner:
    scale: Literal["sqrt", "none"] = "sqrt"
    rate: float = 0.5


@dataclass(frozen=True)
class Outer:
    size: int = 8
    sides: tuple[int, int] = (1, 2)
    flip: bool = False
    note: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


def test_from_dict__turns_json_lists_into_tuples():
    assert from_dict(Outer, {"sides": [3, 4]}, where="x.json", error=DataError, fix="again") == Outer(sides=(3, 4))


def test_from_dict__raises_the_given_error_with_every_fault_and_the_file():
    values = {"sise": 3, "size": 2.5, "flip": 1, "inner": {"scale": "cube", "rote": 1}}
    with pytest.raises(WeightsError) as caught:
        from_dict(Outer, values, where="model.onnx", error=WeightsError, fix="again")
    message = caught.value.message
    assert message.startswith("model.onnx: ")
    for fault in ("unknown field sise", "size: 2.5", "flip: 1", "inner.scale: 'cube'", "unknown field inner.rote"):
        assert fault in message


def test_from_dict__names_a_missing_field():
    @dataclass(frozen=True)
    class Strict:
        labels: tuple[str, ...]

    with pytest.raises(DataError, match=r"a\.json: missing field labels"):
        from_dict(Strict, {}, where="a.json", error=DataError, fix="again")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"sides": [1, 2, 3]}, "sides: [1, 2, 3] must have 2 values"),
        ({"size": True}, "size: True is not a valid int"),
        ({"inner": 3}, "inner must be an object (mapping), got 3"),
        ({"note": 4}, "note: 4 is not a valid str"),
    ],
)
def test_from_dict__states_what_a_value_must_be(values: dict[str, Any], fault: str):
    with pytest.raises(DataError) as caught:
        from_dict(Outer, values, where="a.json", error=DataError, fix="again")
    assert caught.value.message == f"a.json: {fault}"


def test_from_dict__reads_an_integer_as_a_float_and_null_as_none():
    values = {"note": None, "inner": {"rate": 1}}
    assert from_dict(Outer, values, where="a.json", error=DataError, fix="again") == Outer(inner=Inner(rate=1.0))
