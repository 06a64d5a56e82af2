"""Time without a label, overlaps, and the events that both coders could have coded."""

from __future__ import annotations

from fercli.coding.annotations import Annotation
from fercli.coding.event_matching import Event
from fercli.coding.time_base import known_events, overlap_s, with_gaps


def items(*found: tuple[str, float, float]) -> tuple[Annotation, ...]:
    return tuple(Annotation(*item) for item in found)


def test_with_gaps__fills_the_parts_that_were_to_be_coded():
    coded = items(("happiness", 1, 2), ("sadness", 1.5, 3), ("fear", 3.1, 3.5))
    filled = with_gaps(coded, [(0, 4), (6, 7)], "neutral")
    assert [item for item in filled if item.label == "neutral"] == list(
        items(("neutral", 0, 1), ("neutral", 3, 3.1), ("neutral", 3.5, 4), ("neutral", 6, 7))
    )
    longer = with_gaps(coded, [(0, 4)], "neutral", min_gap_s=0.3)
    assert [item.onset_s for item in longer if item.label == "neutral"] == [0, 3.5]


def test_known_events__count_where_the_other_coder_has_a_label():
    found = known_events(
        items(("happiness", 0, 1), ("happiness", 2, 4), ("happiness", 5, 6), ("nod", 0, 1)),
        ("happiness",),
        str,
        spans=None,
        other=items(("uncertain", 0, 0.6), ("happiness", 3.1, 4.4), ("gaze", 2, 4), ("happiness", 5.5, 7)),
    )
    assert [item.onset_s for item in found] == [0, 5]


def test_known_events__of_one_label_that_overlap_are_one():
    coded = items(("happiness", 0, 2), ("happiness", 1, 3), ("happiness", 1, 3), ("sadness", 2, 3), ("happiness", 3, 4))
    found = known_events(coded, ("happiness", "sadness"), str, spans=None, other=items(("happiness", 0, 9)))
    assert found == [Event("happiness", 0, 3), Event("sadness", 2, 3), Event("happiness", 3, 4)]


def test_known_events__are_cut_at_the_parts_to_code():
    # sadness 0 to 6 s; the coder of 2 to 4 s, and of 4 to 5 s, cannot see where it begins
    found = known_events(
        items(("sadness", 0, 6)), ("sadness",), str, spans=((4, 5), (2, 4), (7, 8)), other=items(("sadness", 2, 5))
    )
    assert found == [Event("sadness", 2, 5, cut_onset=True, cut_offset=True)]


def test_overlap_s__is_the_time_of_two_labels():
    coded = items(("happiness", 0, 2), ("sadness", 1.5, 3), ("sadness", 2.5, 4), ("fear", 5, 6))
    assert overlap_s((*coded, *items(("gaze", 0, 9))), ("happiness", "sadness", "fear"), str) == 0.5
