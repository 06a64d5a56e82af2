"""The bounds of pyproject.toml: both are there, and the two files of constraints and the classifiers agree with them."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from fercli.system.packages import OPTIONAL

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
ALL_LINES = (PROJECT["build-system"]["requires"], PROJECT["project"]["dependencies"], *EXTRAS.values())
REQUIREMENTS = [  # without the extras that name others
    Requirement(line) for lines in ALL_LINES for line in lines if not line.startswith("fercli[")
]
PYTHONS = re.findall(r"Python :: (3\.\d+)$", "\n".join(PROJECT["project"]["classifiers"]), re.M)
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64"}  # where the constraints were made


def pins(name: str, python: str) -> dict[str, Version]:
    """What a file of constraints has for a Python; every line is an exact version."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if not line.startswith("#")]
    held = [pin for pin in pinned if pin.marker is None or pin.marker.evaluate({"python_version": python})]
    assert all(re.fullmatch(r"==[^,*]+", str(pin.specifier)) for pin in pinned)
    assert len({canonicalize_name(pin.name) for pin in held}) == len(held), "one line per package"
    return {canonicalize_name(pin.name): Version(str(pin.specifier).removeprefix("==")) for pin in held}


def bound(requirement: Requirement, *operators: str) -> str | None:
    """The version behind one of these operators."""
    found = [part.version for part in requirement.specifier if part.operator in operators]
    return found[0] if found else None


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_requirement__has_a_lower_and_an_upper_bound(requirement: Requirement):
    assert bound(requirement, ">=", "==") is not None
    assert bound(requirement, "<", "==") is not None


def test_requirement__has_the_same_bounds_everywhere():
    stated = {(requirement.name, str(requirement.specifier)) for requirement in REQUIREMENTS}
    assert len(stated) == len({name for name, _ in stated})


def test_lowest_constraints__are_the_lower_bounds():
    lowest = {item.name: Version(str(bound(item, ">="))) for item in REQUIREMENTS if bound(item, ">=") is not None}
    assert pins("constraints-lowest.txt", PYTHONS[0]) == lowest


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints__pin_every_requirement_within_its_bounds(python: str):
    pinned = pins("constraints.txt", python)
    needed = [item for item in REQUIREMENTS if item.marker is None or item.marker.evaluate(LINUX)]
    missed = [str(item) for item in needed if item.name not in pinned or pinned[item.name] not in item.specifier]
    assert missed == []


def extras_of(names: Iterable[str]) -> set[str]:
    """These extras and those that they name in turn."""
    own = {
        extra
        for name in names
        for line in EXTRAS[name]
        if (item := Requirement(line)).name == "fercli"
        for extra in item.extras
    }
    return {*names} | (extras_of(own) if own else set())


def packages_of(*extras: str) -> set[str]:
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in extras_of(extras) for line in EXTRAS[extra])]
    return {Requirement(line).name for line in lines} - {"fercli"}


def test_light_install__has_none_of_the_large_packages():
    assert (
        packages_of() & {"torch", "torchvision", "onnx", "onnxscript", "matplotlib", "facenet-pytorch", "pyarrow"}
        == set()
    )


@pytest.mark.parametrize("module", OPTIONAL)
def test_optional_package__is_in_the_extra_that_its_message_names(module: str):
    package = OPTIONAL[module]
    assert package.distribution in packages_of(package.extra)
    assert package.distribution not in packages_of()


def test_extra_all__has_every_package_for_users():
    # wandb and mlflow are clients of servers that few have: they are installed by name only
    users = {*EXTRAS} - {"all", "test", "docs", "release", "wandb", "mlflow"}
    assert packages_of("all") == packages_of(*users)


def test_classifiers__name_the_pythons_of_the_constraints():
    named = re.findall(r'python_version == "([\d.]+)"', (ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert {*PYTHONS} == {*named}
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
