from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from fercli.config.model import BtnConfig
from fercli.config.presets import MODELS, RECIPES
from fercli.config.settings import fields_of, override
from fercli.config.training import TrainConfig
from fercli.errors import UsageError


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


def test_fields_of__names_every_leaf_with_dots():
    assert list(fields_of(Outer)) == ["size", "sides", "flip", "note", "extra", "inner.scale", "inner.rate"]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("size=16", Outer(size=16)),
        ("sides=3,4", Outer(sides=(3, 4))),
        ("sides=(3, 4)", Outer(sides=(3, 4))),
        ("flip=yes", Outer(flip=True)),
        ("note=by hand", Outer(note="by hand")),
        ("inner.rate=1e-3", Outer(inner=Inner(rate=0.001))),
        ("inner.rate=2", Outer(inner=Inner(rate=2.0))),
        (" inner.scale = none", Outer(inner=Inner(scale="none"))),
    ],
)
def test_override__reads_the_value_as_the_field_is_typed(setting: str, expected: Outer):
    assert override(Outer(), [setting]) == expected


def test_override__leaves_the_original_as_it_was():
    outer = Outer()
    assert override(outer, ["size=1", "inner.rate=0"]) == Outer(size=1, inner=Inner(rate=0.0))
    assert outer == Outer()


def test_override__reports_every_fault_at_once_with_the_nearest_name():
    settings = ["sise=3", "size=big", "inner.scale=sqr", "flip=maybe", "sides=1", "nonsense"]
    with pytest.raises(UsageError) as caught:
        override(Outer(), settings)
    faults = caught.value.message.split("; ")
    assert faults == [
        "no setting 'sise' (did you mean size?)",
        "size: 'big' is not an integer",
        "inner.scale: 'sqr' is not one of sqrt, none (did you mean sqrt?)",
        "flip: 'maybe' is not true or false",
        "sides: '1' must have 2 comma-separated values",
        "'nonsense' is not of the form name=value",
    ]


@pytest.mark.parametrize("config", [*MODELS.values(), *RECIPES.values()], ids=[*MODELS, *RECIPES])
def test_override__reaches_every_field_of_every_preset(config: BtnConfig | TrainConfig):
    def value_of(name: str) -> Any:
        value: Any = config
        for part in name.split("."):
            value = getattr(value, part)
        return ",".join(map(str, value)) if isinstance(value, tuple) else value

    settings = [f"{name}={value_of(name)}" for name in fields_of(type(config))]
    assert len(settings) > 15
    assert override(config, settings) == config
