"""Tables as csv."""

from __future__ import annotations

import os

from fercli.system.csv_file import plain_text, spreadsheet_text, write_csv, write_rows


def test_write_rows__leaves_none_empty_and_keeps_names_of_any_bytes(tmp_path):
    write_rows(tmp_path / "a.csv", ["name", "value"], [[os.fsdecode(b"\xff"), None], ["a,b", 0.5]])
    assert (tmp_path / "a.csv").read_bytes() == b'name,value\n\xff,\n"a,b",0.5\n'


def test_write_csv__has_the_columns_of_the_first_record(tmp_path):
    write_csv(tmp_path / "a.csv", [{"x": 1, "y": None}, {"y": 2, "x": 3}])
    assert (tmp_path / "a.csv").read_text() == "x,y\n1,\n3,2\n"


def test_write_rows__for_spreadsheets_has_no_formulas(tmp_path):
    write_rows(tmp_path / "a.csv", ["name", "value"], [["=1+1", -2], ["a", None], ["@x", 0.5]], bom=True)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8-sig") == "name,value\n'=1+1,-2\na,\n'@x,0.5\n"


def test_plain_text__is_what_spreadsheet_text_was_given():
    for text in ("=1", "-a", "a", "'a'", "'", "", None, 3, "\uff1dx"):
        assert plain_text(spreadsheet_text(text)) == text
