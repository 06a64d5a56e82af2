"""Numbers as tables, pages and messages show them."""

from __future__ import annotations

import json

import pytest

from fercli.formatting import (
    clock,
    duration,
    in_percent,
    interval_percent,
    mean_sd_percent,
    one_line_json,
    p_value,
    percent,
    percents,
    pluralize,
    printable,
    probability_percent,
    signed_percent,
    without_middle,
)
from fercli.results import utf8_text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.0002, "< 0.1 %"),
        (0.004, "0.4 %"),
        (0.124, "12 %"),
        (0.994, "99 %"),
        (0.996, "> 99 %"),
        (0.99999, "> 99 %"),
        (1.0, "100 %"),
    ],
)
def test_percent__is_0_or_100_only_where_that_is_exact(share, text):
    assert percent(share) == text


def test_percent__with_decimals_is_never_abbreviated():
    assert percent(0.99999, 2) == "100.00 %"
    assert percent(0.8716, 2) == "87.16 %"


def test_in_percent__leaves_the_unit_to_the_header():
    assert in_percent(0.8716) == "87.16"
    assert in_percent(0.8716, 1) == "87.2"
    assert in_percent(None) is None


def test_interval_percent__has_both_ends():
    assert interval_percent((0.8594, 0.8828)) == "85.94 to 88.28"
    assert interval_percent((-0.0299, 0.0445), signed=True) == "-2.99 to +4.45"
    assert interval_percent(None) is None


def test_signed_percent__always_has_a_sign():
    assert [signed_percent(value) for value in (0.0235, -0.004, 0.0)] == ["+2.35", "-0.40", "+0.00"]


def test_mean_sd_percent__of_one_run_is_the_mean_alone():
    assert mean_sd_percent(0.91, 0.01414) == "91.00 ± 1.41"
    assert mean_sd_percent(0.91, None) == "91.00"


def test_p_value__is_never_zero():
    assert [p_value(value) for value in (0.351, 0.001, 1e-9)] == ["0.351", "0.001", "< 0.001"]


def test_pluralize__uses_the_singular_for_one():
    assert [pluralize(count, "frame") for count in (0, 1, 2000)] == ["0 frames", "1 frame", "2,000 frames"]
    assert pluralize(2, "box", "boxes") == "2 boxes"


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.93, "5.9 s"), (59.97, "1 min 00 s"), (125, "2 min 05 s"), (3725, "1 h 02 min")]
)
def test_duration__has_hours_where_there_are_any(seconds, text):
    assert duration(seconds) == text


def test_percents__add_up_to_100():
    assert percents([1, 1, 1]) == ["34 %", "33 %", "33 %"]
    assert percents([0.125, 0.625, 0.25]) == ["13 %", "62 %", "25 %"]
    assert percents([0.997, 0.003]) == ["100 %", "< 1 %"]
    assert percents([]) == []
    assert percents([0.972222, 0.013889, 0.013889], 1) == ["97.2 %", "1.4 %", "1.4 %"]
    assert percents([1, 1, 1], 1) == ["33.4 %", "33.3 %", "33.3 %"]
    assert percents([0.29, 0.71], 1) == ["29.0 %", "71.0 %"]
    assert percents([0.061441, 0.311441, 0.627118], 1) == ["6.2 %", "31.1 %", "62.7 %"]  # two equal remainders
    assert percents([0.311441, 0.061441, 0.627118], 1) == ["31.1 %", "6.2 %", "62.7 %"]
    assert percents([0.9999, 0.0001], 1) == ["100.0 %", "< 0.1 %"]


def test_clock__rounds_once():
    assert [clock(3.24), clock(59.96), clock(3723.5)] == ["0:03.2", "1:00.0", "1:02:03.5"]
    assert clock(90, decimals=0) == "1:30"


def test_printable__shows_signs_that_could_forge_lines_or_colours():
    name = "a\x1b[31m\rb\nc\u202egpj.exe\x9b1m\u2028d"
    assert printable(name) == r"a\x1b[31m\rb\nc\u202egpj.exe\x9b1m\u2028d"
    assert printable("one\n\ttwo", lines=True) == "one\n\ttwo"
    assert printable("Grüße, 顔 é") == "Grüße, 顔 é"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.994, "99 %"), (0.995, "> 99 %"), (0.99999, "> 99 %"), (1.0, "> 99 %"), (0.5, "50 %"), (0.0, "0 %")],
)
def test_probability_percent__is_never_certain(value: float, text: str):
    assert probability_percent(value) == text


def test_without_middle__keeps_the_beginning_and_the_suffix():
    assert without_middle("C_pyfeat_free-mountain-vector-01.jpg", 20) == "C_pyfeat_f…or-01.jpg"
    assert without_middle("short.jpg", 9) == "short.jpg"
    assert without_middle("short.jpg", 5) == "sh…pg"


@pytest.mark.parametrize(
    "sign", ["\u202e", "\u2066", "\u061c", "\u200b", "\ufeff", "\u2060", "\u2028", "\x85", "\x9b", "\x1b", "\r"]
)
def test_printable__escapes_signs_that_are_unseen_or_change_what_is_seen(sign: str):
    assert printable(f"a{sign}b") == "a" + sign.encode("unicode_escape").decode() + "b"


def test_printable__spells_bytes_that_are_not_utf8_as_rows_do():
    # a table showed caf\udce9.jpg, with its columns out of line, and --json caf\xe9.jpg
    assert printable("caf\udce9.jpg") == utf8_text("caf\udce9.jpg") == r"caf\xe9.jpg"


def test_printable__keeps_joiners_of_names_and_emoji():
    assert (
        printable("\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f52c")
        == "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f52c"
    )


def test_one_line_json__is_one_line_for_every_reader():
    value = {"source": "a\x85b\u2028c\u2029d\ne\x1cf.jpg", "name": "Zo\u00eb"}
    text = one_line_json(value)
    assert text.splitlines() == [text]
    assert json.loads(text) == value
    assert "Zo\u00eb" in text


def test_one_line_json__refuses_what_json_does_not_have():
    with pytest.raises(ValueError, match="JSON"):
        one_line_json(float("nan"))
