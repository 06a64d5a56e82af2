"""JSON files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fercli.system.json_file import write_json


def test_write_json__keeps_letters_and_ends_in_a_line_feed(tmp_path: Path):
    write_json(tmp_path / "a.json", {"name": "Zoë", "values": [1, 2]})
    assert (tmp_path / "a.json").read_bytes().decode().startswith('{\n  "name": "Zoë",\n  "values": [\n    1')
    assert (tmp_path / "a.json").read_bytes().endswith(b"]\n}\n")


def test_write_json__of_a_name_that_is_no_text_can_be_read_back(tmp_path: Path):
    name = os.fsdecode(b"caf\xe9.jpg") if os.name == "posix" else "caf\udce9.jpg"
    write_json(tmp_path / "a.json", {"source": name, "path": tmp_path}, default=str)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"source": name, "path": str(tmp_path)}


def test_write_json__that_fails_leaves_the_earlier_file(tmp_path: Path):
    write_json(tmp_path / "a.json", {"value": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"value": float("nan")}, allow_nan=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"value": 1}
