"""Codings compared on one time base, with what is missing in rows of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from fercli.coding.agree import Agreement, agree
from fercli.coding.agree_files import agreement_record, confusion_names, write_agreement
from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.coders import CodedByOne, Coder, read_coder, read_coders
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.pairing import PairingOptions
from fercli.errors import DataError

PLAIN = EpisodeOptions(smooth_s=0, min_duration_s=0, merge_gap_s=0)
TENTHS = PairingOptions(step_s=0.1)


def hand(name: str, tiers: dict[str, list[tuple[str, float, float]]], video: str = "a.mp4", **others) -> Coder:
    annotations = {person: tuple(Annotation(*item) for item in items) for person, items in tiers.items()}
    coding = VideoAnnotations(video, annotations, **others)
    return Coder(name, {Path(video).stem: CodedByOne(coding, coding)})


@pytest.fixture
def machine(table_of, rows_of) -> Coder:
    """neutral 0 to 1 s, happiness to 2 s, uncertain to 2.5 s, nobody to 3 s."""
    return read_coder(table_of(*rows_of("n" * 10 + "h" * 10 + "H" * 5 + "." * 5, source="clips/a.mp4")), PLAIN)


def seconds(result: Agreement) -> dict[tuple[str, str], float]:
    (pair,) = result.pairs
    rows, columns = confusion_names(pair)
    return {
        (rows[i], columns[j]): round(pair.confusion[i, j] * result.step_s, 6)
        for i, j in zip(*np.nonzero(pair.confusion), strict=True)
    }


def test_agree__compares_time_with_what_is_missing(machine: Coder):
    coder = hand("anna", {"Person 1": [("Neutral", 0, 0.8), ("happy", 0.8, 2.2), ("sad", 2.6, 3.0)]})
    result = agree([coder, machine], TENTHS)
    assert seconds(result) == {
        ("neutral", "neutral"): 0.8,
        ("happiness", "neutral"): 0.2,
        ("happiness", "happiness"): 1.0,
        ("happiness", "uncertain"): 0.2,
        ("not coded", "uncertain"): 0.3,
        ("sadness", "not in view"): 0.4,
    }
    (pair,) = result.pairs
    assert (pair.compared, pair.agreement.value) == (20, pytest.approx(0.9))
    assert pair.kappa.value == pytest.approx(cohen_kappa_score([0] * 8 + [1] * 12, [0] * 10 + [1] * 10))
    happy = pair.classes[1]
    assert (happy.precision.value, happy.recall.value) == pytest.approx((1.0, 10 / 12))
    assert [(item.coded, item.read, item.matched) for item in pair.events] == [
        (1, 1, 1),
        (1, 1, 1),
        (0, 0, 0),  # coded while nobody is in view
        (2, 2, 2),
    ]


def test_agree__gaps_can_be_an_expression(machine: Coder):
    coder = hand("anna", {"1": [("happiness", 1.0, 2.0)]})
    assert seconds(agree([coder, machine], TENTHS))["not coded", "neutral"] == 1.0
    filled = seconds(agree([coder, machine], PairingOptions(step_s=0.1, gaps="neutral")))
    assert (filled["neutral", "neutral"], filled["neutral", "not in view"]) == (1.0, 0.5)


def test_agree__warns_if_gaps_fill_the_rest_of_a_video(table_of, rows_of):
    machine = read_coder(table_of(*rows_of("n" * 200)), PLAIN)
    coder = hand("anna", {"1": [("neutral", 0, 8)]})
    options = PairingOptions(step_s=0.1, gaps="neutral")
    (warning,) = agree([coder, machine], options).warnings
    assert warning.startswith("anna: the last label of a ends at 0:08.0 of 0:20.0, and --gaps counts the rest")
    assert agree([hand("anna", {"1": [("neutral", 0, 17)]}), machine], options).warnings == ()


def test_agree__only_the_parts_that_were_coded(machine: Coder):
    coder = hand("anna", {"1": [("happiness", 1.0, 1.5)]}, spans=((1.0, 1.5),))
    assert seconds(agree([coder, machine], TENTHS)) == {("happiness", "happiness"): 0.5}
    spans = PairingOptions(step_s=0.1, spans={"in/a.mov": ((0.9, 1.2),)})
    expected = {("not coded", "neutral"): 0.1, ("happiness", "happiness"): 0.2}
    assert seconds(agree([coder, machine], spans)) == expected


def test_agree__maps_labels_and_reports_unknown_ones(machine: Coder):
    coder = hand("anna", {"1": [("smile", 1.0, 2.0), ("nods", 0.0, 1.0)]})
    result = agree([coder, machine], PairingOptions(step_s=0.1, names={"smile": "happiness"}))
    assert seconds(result)["happiness", "happiness"] == 1.0
    assert result.warnings == (
        "anna: labels that are not expressions of the others are not counted: nods (1.0 s); "
        "say what they stand for with --map nods=EXPRESSION",
        "anna: 50 % of the time has no label and is not compared; if the coder left out what is neutral: --gaps neutral",
    )


def test_agree__takes_the_person_in_view_longest_if_names_differ(table_of, rows_of, face_of):
    rows = [*rows_of("n" * 10), face_of(1.0, [0.1, 0.8, 0.1], frame=10, track=2)]
    result = agree([hand("anna", {"Ms X": [("neutral", 0, 1)]}), read_coder(table_of(*rows), PLAIN)], TENTHS)
    assert seconds(result) == {("neutral", "neutral"): 1.0, ("not coded", "happiness"): 0.1}
    assert result.warnings == (
        "a: names of people differ, taken for one person are anna: Ms X, predictions: Track 1 (who is in view or coded longest)",
    )


def test_agree__needs_a_video_in_common(machine: Coder):
    with pytest.raises(DataError, match="at no time do two codings have an expression"):
        agree([hand("anna", {"1": [("neutral", 0, 1)]}, video="b.mp4"), machine], TENTHS)


def test_agree__of_several_coders_has_all_pairs_and_alphas(machine: Coder):
    coders = [hand(name, {"1": [("neutral", 0, end), ("happiness", end, 2)]}) for name, end in (("a", 1.0), ("b", 1.2))]
    result = agree([*coders, machine], TENTHS)
    assert [(pair.coded, pair.read) for pair in result.pairs] == [
        ("a", "b"),
        ("a", "predictions"),
        ("b", "predictions"),
    ]
    assert result.pairs[1].kappa.value == 1.0
    assert result.alpha_of_people == pytest.approx(result.pairs[0].alpha.value)
    assert result.alpha_of_people < result.alpha_of_all < 1


def test_agree__resamples_people_or_blocks_of_time(machine: Coder):
    (pair,) = agree([hand("anna", {"1": [("neutral", 0, 1.2), ("happiness", 1.2, 2)]}), machine], TENTHS).pairs
    assert (pair.blocks, pair.kappa.interval) == (
        "1 block of 10 s, as there are fewer than 6 people: too few for intervals",
        None,
    )
    random = np.random.default_rng(1)
    videos = {}
    for number in range(8):
        items = [("neutral", 0.0, 5.0), ("happiness", 5.0, 5.0 + random.uniform(1, 5))]
        videos[f"v{number}"] = hand("x", {"1": items}, video=f"v{number}").videos[f"v{number}"]
    coded = Coder("one", videos)
    shifted = Coder(
        "two",
        {name: hand("x", {"1": [("neutral", 0, 4), ("happiness", 4, 9)]}, video=name).videos[name] for name in videos},
    )
    (pair,) = agree([coded, shifted], TENTHS, seed=1).pairs
    assert pair.blocks == "8 people"
    low, high = pair.kappa.interval or (0, 0)
    assert low < (pair.kappa.value or 0) < high < low + 0.4
    assert agree([coded, shifted], TENTHS, seed=1).pairs[0].kappa == pair.kappa


def test_agree__names_the_coding_that_is_empty(machine: Coder):
    with pytest.raises(DataError, match="anna has no coded event"):
        agree([hand("anna", {}), machine], TENTHS)


def test_write_agreement__has_seconds_and_a_figure(machine: Coder, tmp_path: Path):
    result = agree([hand("anna", {"1": [("neutral", 0, 2)]}), machine], TENTHS)
    write_agreement(tmp_path / "out", result)
    record = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert record == json.loads(json.dumps(agreement_record(result)))
    assert record["pairs"][0]["confusion"]["seconds"][0][:2] == [1.0, 1.0]
    assert record["settings"]["unit of time"] == "0.1 s"
    assert record["settings"]["predictions"]["weights"] == "toy, version 1"
    assert record["settings"]["predictions"]["tracking"] == "on"
    assert (tmp_path / "out" / "confusion.csv").read_text().splitlines()[1] == "neutral,1.0,1.0,0.0,0.0,0.0"
    figures = ("confusion.png", "confusion.pdf", "confusion.svg")
    assert [(tmp_path / "out" / name).read_bytes()[:4] for name in figures] == [b"\x89PNG", b"%PDF", b"<?xm"]
    assert len((tmp_path / "out" / "classes.csv").read_text().splitlines()) == 4


def test_agree__one_person_in_several_videos_is_resampled_as_one(table_of, rows_of):
    def coding(name: str, person: str) -> Coder:
        items = {person: [("neutral", 0, 5), ("happiness", 5, 9)]}
        return Coder(name, {f"v{n}": hand(name, items, video=f"v{n}.mp4").videos[f"v{n}"] for n in range(6)})

    (pair,) = agree([coding("a", "Anna"), coding("b", "Anna")], TENTHS).pairs
    assert pair.blocks.startswith("6 blocks of 10 s")
    (pair,) = agree([coding("a", "1"), coding("b", "1")], TENTHS).pairs
    assert pair.blocks == "6 people"


def test_agree__people_without_a_coding_are_neither_counted_nor_false_alarms(table_of, rows_of):
    rows = [*rows_of("n" * 10 + "h" * 10), *rows_of("h" * 20, source="b.mp4")]
    machine = read_coder(table_of(*rows), PLAIN)
    coder = Coder(
        "anna", {n: hand("x", {"1": i}, video=n).videos[n] for n, i in (("a", [("neutral", 0, 1)]), ("b", []))}
    )
    result = agree([coder, machine], TENTHS)
    assert (result.people, result.videos) == (1, 1)
    assert [(item.coded, item.read) for item in result.pairs[0].events] == [(1, 1), (0, 0), (0, 0), (1, 1)]


def test_read_coders__have_names_that_differ(table_of, rows_of, tmp_path: Path):
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "talk.csv").write_text("label,onset,offset\nhappy,0,1\n")
    coders = read_coders([tmp_path / "anna" / "talk.csv", tmp_path / "ben" / "talk.csv", tmp_path / "ben"], PLAIN)
    assert [coder.name for coder in coders] == ["anna/talk", "ben/talk", "ben"]
