"""The table of foreign formats; `tests/test_extending.py` adds one."""

from __future__ import annotations

from fercli.weights.foreign.formats import FORMATS


def test_formats__every_entry_states_its_origin_under_its_own_name():
    assert list(FORMATS) == ["poster_v2", "mobilefacenet", "ir50", "face_resnet"]
    assert all(known.name == name and known.origin for name, known in FORMATS.items())
    keys = [key for known in FORMATS.values() for key in known.signature_keys]
    assert len(set(keys)) == len(keys)
