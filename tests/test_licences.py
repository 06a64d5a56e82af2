"""docs/licences.md lists every direct dependency, with its extras and the licence that the installed package states."""

import re
import tomllib
from importlib.metadata import PackageMetadata, PackageNotFoundError, files, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = {
    "none": PYPROJECT["project"]["dependencies"],
    **PYPROJECT["project"]["optional-dependencies"],
    "build": PYPROJECT["build-system"]["requires"],
}
ROWS = {
    name: (extras.split(", "), licence, purpose)
    for name, extras, licence, purpose in re.findall(
        r"^\| ([\w-]+) \| ([\w, ]+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/licences.md").read_text("utf-8"), re.M
    )
    if name != "package"
}
PINNED = set(re.findall(r"^([\w.-]+==[^;\s]+)", (ROOT / "constraints.txt").read_text("utf-8"), re.M))
# SPDX identifiers of the free texts and classifiers that packages write; a classifier may not say which BSD licence
SPDX = {
    "mit": {"MIT"},
    "mit license": {"MIT"},
    "the mit license (mit)": {"MIT"},
    "apache 2.0": {"Apache-2.0"},
    "apache software license": {"Apache-2.0"},
    "bsd": {"BSD-2-Clause", "BSD-3-Clause"},
    "bsd license": {"BSD-2-Clause", "BSD-3-Clause"},
    "bsd 2-clause license": {"BSD-2-Clause"},
    "bsd-3-clause": {"BSD-3-Clause"},
    "python software foundation license": {"PSF-2.0"},
}
# whose metadata state none, and which phrase of their licence file does
BY_FILE = {"pympi-ling": ("MIT", "Permission is hereby granted, free of charge")}


def stated(package: PackageMetadata) -> set[str]:
    """The licences that a package's metadata allow to be meant: by its expression, its text, or else its classifier."""
    if expression := package.get("License-Expression"):
        return {expression}
    text = (package.get("License") or "").strip().splitlines()
    classifiers = [
        line.split(" :: ")[-1] for line in package.get_all("Classifier", []) if line.startswith("License ::")
    ]
    for candidate in (*text[:1], *classifiers):
        if candidate.strip().lower() in SPDX:
            return SPDX[candidate.strip().lower()]
    return set()


def test_page__lists_every_direct_dependency_with_its_extras():
    declared: dict[str, list[str]] = {}
    for extra, lines in GROUPS.items():
        for line in lines:
            declared.setdefault(Requirement(line).name, [])
            if extra not in declared[Requirement(line).name]:
                declared[Requirement(line).name].append(extra)
    declared.pop("fercli")
    assert {name: extras for name, (extras, *_) in ROWS.items()} == declared


@pytest.mark.parametrize("name", ROWS)
def test_page__states_the_licence_of_the_installed_package(name: str):
    try:
        package = metadata(name)
    except PackageNotFoundError:
        pytest.skip("not installed")
    if f"{name}=={package['Version']}" not in PINNED:
        pytest.skip("another version than the one of constraints.txt, which the page is about")
    if name in BY_FILE:
        licence, phrase = BY_FILE[name]
        assert not stated(package), "its metadata state a licence now"
        assert phrase in licence_text(name)
        assert ROWS[name][1] == licence
    else:
        assert ROWS[name][1] in stated(package)


def licence_text(name: str) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in files(name) or [] if "LICENSE" in file.name.upper())


def test_page__lists_no_copyleft_outside_the_tests():
    copyleft = {name: extras for name, (extras, licence, _) in ROWS.items() if re.search(r"GPL|MPL|EUPL", licence)}
    assert copyleft == {"krippendorff": ["test"]}
