"""Which people of codings are the same, and what is said of those who are not compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.coders import CodedByOne, Coder
from fercli.coding.pairing import PairingOptions, same_people
from fercli.coding.person_names import person_key


def coder(name: str, people: dict[str, str], *, program: bool = False, seconds: float = 2) -> Coder:
    """One video, in which every person has a label."""
    tiers = {person: (Annotation(label, 0, seconds + at),) for at, (person, label) in enumerate(people.items())}
    coding = VideoAnnotations("a.mp4", tiers)
    return Coder(name, {"a": CodedByOne(coding, coding)}, ("neutral", "happiness") if program else None)


def labels(*coders: Coder, **options) -> tuple[list[list[str | None]], list[str]]:
    warnings: list[str] = []
    people = same_people(coders, PairingOptions(**options), warnings)
    return [[items[0].label if items else None for items in person.frames] for person in people], warnings


@pytest.mark.parametrize("name", ["1", " Person 1", "person_1", "#1", "P1", "Track 01"])
def test_person_key__is_equal_for_one_person(name: str):
    assert person_key(name.replace("_", " ")) == "1"


def test_person_key__keeps_names():
    assert person_key("Anna 2b") == "anna 2b"
    assert person_key("Largest face") == ""


def test_same_people__spellings_of_one_name_are_one_person():
    machine = coder("results", {"Anna": "neutral"}, program=True)
    tiers = {"Anna": "neutral", " ANNA": "happiness", "anna ": "neutral"}
    (person,) = same_people([coder("coder", tiers), machine], PairingOptions(), [])
    assert [item.label for item in person.frames[0]] == ["neutral", "happiness", "neutral"]
    assert [item.label for item in person.events[0]] == ["neutral", "happiness", "neutral"]


@pytest.mark.parametrize(
    "tiers", [{"Track 1": "happiness", "P1": "neutral"}, {"P1": "neutral", "Track 1": "happiness"}]
)
def test_same_people__a_participant_is_not_the_track_of_this_number(tiers: dict[str, str]):
    machine = coder("results", tiers, program=True)
    assert labels(coder("anna", {"P1": "neutral"}), machine)[0][0] == ["neutral", "neutral"]
    assert labels(coder("anna", {"1": "happiness"}), machine)[0][0] == ["happiness", "happiness"]
    both, warnings = labels(coder("anna", {"p1": "neutral", "Track 1": "happiness"}), machine)
    assert (sorted(map(str, both)), warnings) == (["['happiness', 'happiness']", "['neutral', 'neutral']"], [])


@pytest.mark.parametrize(
    ("coded", "read"),
    [
        ({"Track 1": "neutral", "Track 3": "happiness"}, {"Anna": "neutral", "P1": "happiness"}),
        ({"1": "happiness", "track 2": "neutral"}, {"Anna": "neutral", "P1": "happiness"}),
        ({"3": "happiness", "Person 2": "neutral"}, {"Anna": "neutral", "Ben": "happiness"}),
    ],
)
def test_same_people__tracks_that_were_named_after_the_coding(coded: dict[str, str], read: dict[str, str]):
    machine = coder("results", read, program=True)
    frames = replace(machine.videos["a"].frames, tracks={"Anna": (1, 2), ("P1" if "P1" in read else "Ben"): (3,)})
    machine = replace(machine, videos={"a": CodedByOne(frames, machine.videos["a"].events)})
    found, warnings = labels(coder("coder", coded), machine)
    assert (sorted(found), warnings) == ([["happiness", "happiness"], ["neutral", "neutral"]], [])


@pytest.mark.parametrize(
    ("coded", "read", "name"),
    [
        ("Track 3", "Track 3", None),
        ("P3", "Track 3", None),
        ("P03", "P03", "p03"),
        ("3", "P3", "p3"),
        ("Anna", "Anna", "anna"),
    ],
)
def test_same_people__have_a_name_in_all_videos_or_a_number_in_one(coded: str, read: str, name: str | None):
    machine = coder("results", {read: "neutral"}, program=True)
    (person,) = same_people([coder("coder", {coded: "neutral"}), machine], PairingOptions(), [])
    assert (person.person, person.name) == ("anna" if name == "anna" else "3", name)


def test_same_people__warns_of_labels_behind_the_end_of_the_rows():
    machine = coder("results", {"1": "neutral"}, program=True)
    videos = {"a": CodedByOne(*(replace(part, end_s=2.0) for part in (machine.videos["a"].frames,) * 2))}
    _, warnings = labels(coder("anna", {"1": "neutral"}, seconds=500), replace(machine, videos=videos))
    assert warnings == [
        "a: anna has labels up to 8:20.0, results ends at 0:02.0: is it the same video, and are the times seconds?"
    ]
    assert labels(coder("anna", {"1": "neutral"}, seconds=3), replace(machine, videos=videos))[1] == []


def test_same_people__names_whom_nobody_else_has():
    machine = coder("results", {"1": "neutral", "2": "neutral", "3": "neutral"}, program=True)
    found, warnings = labels(coder("anna", {"Person 3": "happiness", "Ben": "happiness", "Cleo": "neutral"}), machine)
    # the others have no counterpart: a row or column of the confusion matrix
    assert found[0] == ["happiness", "neutral"]
    assert found[1:] == [["happiness", None], ["neutral", None], [None, "neutral"], [None, "neutral"]]
    assert len(warnings) == 1
    assert warnings[0].startswith("a: anna coded Ben, Cleo (7.0 s), whom nobody else has: not compared; nor are ")


def test_same_people__the_last_one_on_both_sides_is_one_person():
    machine = coder("results", {"1": "neutral", "2": "happiness"}, program=True)
    found, warnings = labels(coder("anna", {"1": "neutral", "Ben": "happiness"}), machine)
    assert found == [["neutral", "neutral"], ["happiness", "happiness"]]
    assert [warning.partition(" are ")[0] for warning in warnings] == [
        "a: names of people differ, taken for one person"
    ]


def test_same_people__the_only_one_of_a_program_joins_several_coders():
    machine = coder("results", {"1": "happiness"}, program=True)
    found, warnings = labels(coder("anna", {"": "neutral"}), coder("ben", {"": "neutral"}), machine)
    assert found == [["neutral", "neutral", "happiness"]]
    assert len(warnings) == 1


def test_same_people__a_tier_without_expressions_is_nobody_if_another_has_some():
    machine = coder("results", {"1": "neutral"}, program=True)
    found, warnings = labels(coder("anna", {"Mimik": "happiness", "Kopf": "nods"}), machine)
    assert found == [["happiness", "neutral"]]
    assert len(warnings) == 1


def test_same_people__tiers_named_by_expressions_are_labels():
    machine = coder("results", {"1": "neutral"}, program=True)
    found, _ = labels(coder("anna", {"Happy": "x", "smile": "2"}), machine, names={"smile": "happiness"})
    assert found == [["Happy", "neutral"]]


def test_same_people__times_of_a_coding_are_shifted():
    warnings: list[str] = []
    machine = coder("results", {"1": "neutral"}, program=True)
    (person,) = same_people(
        [coder("anna", {"1": "neutral"}), machine], PairingOptions(shifts_s={"anna": -0.5}), warnings
    )
    assert [(items[0].onset_s, items[0].offset_s) for items in person.frames] == [(0.0, 1.5), (0.0, 2.0)]
