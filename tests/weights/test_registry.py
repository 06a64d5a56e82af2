"""The registry: what comes with the package, and what is refused in one's own."""

from __future__ import annotations

import json

import pytest

from fercli.errors import WeightsError
from fercli.weights.registry import find_entry, read_registry

ENTRY = {
    "name": "net",
    "description": "a net",
    "kind": "ir50",
    "file": "net.pth",
    "locations": ["https://x/net.pth"],
    "licence": "",
}
MEMBER = {"match": "*a*", "name": "a", "kind": "ir50"}


def write(path, *entries):
    path.write_text(json.dumps({"format": 1, "weights": entries}))
    return path


def test_read_registry__has_the_public_locations():
    registry = read_registry()
    assert registry["ir50"].locations == ("gdrive:17QAIPlpZUwkQzOTNiu-gUFLTqAxS-qHt",)
    assert registry["poster-bundle"].sha256 == "94b1f8c23dfc5e626c1de0e76257f174463b8f2c371670036ce75f0923d4985d"
    assert registry["poster-v2-affectnet8"].labels == ("affectnet8",)
    assert len(registry["mobilefacenet"].locations) == 4
    assert all(entry.licence for entry in registry.values())


def test_find_entry__finds_the_archive_that_contains_a_name():
    assert find_entry("bundle-rafdb", read_registry()).name == "poster-bundle"


def test_find_entry__names_the_nearest():
    with pytest.raises(WeightsError, match="'poster-v2-rafbd'") as caught:
        find_entry("poster-v2-rafbd", read_registry())
    assert "did you mean poster-v2-rafdb?" in caught.value.fix


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../net"}, "not a valid name"),
        ({"file": "a/net.pth"}, "not a valid name"),
        ({"locations": []}, "no locations"),
        ({"locations": ["file:///etc/passwd"]}, "is not a URL"),
        ({"sha256": "abc"}, "64 hexadecimal"),
        ({"kind": "archive"}, "have members"),
        ({"members": [MEMBER]}, "have members"),
        ({"labels": ["emotions"]}, "unknown label schema"),
        ({"kind": "vgg"}, "unknown kind 'vgg'"),
        ({"mirror": "x"}, "unknown field mirror"),
        ({"kind": "archive", "members": [{**MEMBER, "size": 1}]}, "unknown field size"),
    ],
)
def test_read_registry__refuses_invalid_entries(tmp_path, changes, message):
    with pytest.raises(WeightsError, match=message):
        read_registry(write(tmp_path / "r.json", {**ENTRY, **changes}))


def test_read_registry__refuses_a_name_twice(tmp_path):
    bundle = {**ENTRY, "name": "bundle", "kind": "archive", "members": [{**MEMBER, "name": "net"}]}
    with pytest.raises(WeightsError, match="uses a name twice: net"):
        read_registry(write(tmp_path / "r.json", ENTRY, bundle))


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}', '{"format": 1}'])
def test_read_registry__refuses_other_files(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(WeightsError):
        read_registry(tmp_path / "r.json")
