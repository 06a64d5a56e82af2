"""Ids instead of names: stable with one key, different with another, and known to the key file only."""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
from pathlib import Path

import pytest

from fercli.errors import DataError
from fercli.media.sources import Source, find_sources
from fercli.predict.image_result import ImageResult
from fercli.predict.pseudonyms import Key, Pseudonyms
from fercli.results import Prediction

SECRET = bytes(range(32))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.csv"
    path.write_text(f"kind,id,original\nkey,{SECRET.hex()},secret\n", encoding="utf-8")
    return path


def _file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_key__gives_ids_by_hmac_of_the_content(key_file: Path, tmp_path: Path):
    # computed here with Python's hmac, as anybody with the key can: HMAC-SHA256(secret, "file\0sha256 <hash of the bytes>")
    content_hash = hashlib.sha256(b"pixels").hexdigest()
    expected = hmac.new(SECRET, f"file\0sha256 {content_hash}".encode(), "sha256").hexdigest()[:12]
    [here] = find_sources([str(_file(tmp_path / "Anna" / "Interview.MP4", b"pixels"))])
    [there] = find_sources([str(_file(tmp_path / "elsewhere" / "x.mp4", b"pixels"))])
    assert Key(key_file).of_file(here) == Key(key_file).of_file(there) == f"file-{expected}.mp4"


def test_key__gives_one_id_to_one_person_however_the_name_is_spelled(key_file: Path):
    key = Key(key_file)
    composed, decomposed = "M\u00fcller", "Mu\u0308ller "
    assert key.of_person(composed) == key.of_person(decomposed) != key.of_person("Muller")


def test_key__another_secret_gives_other_ids(key_file: Path, tmp_path: Path):
    first, second = Key(key_file), Key(tmp_path / "new.csv")
    assert first.of_person("Anna") != second.of_person("Anna")
    assert first.fingerprint != second.fingerprint


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_key__is_readable_by_its_owner_only_and_has_what_ids_stand_for(tmp_path: Path):
    path = tmp_path / "new.csv"
    key = Key(path)
    key.record([("person", key.of_person("Anna"), "Anna")])
    assert path.stat().st_mode & 0o777 == 0o600
    Key(path).record([("person", key.of_person("Anna"), "Anna"), ("person", key.of_person("Ben"), "Ben")])
    with path.open(newline="", encoding="utf-8") as file:
        head, secret, *rows = list(csv.reader(file))
    assert head == ["kind", "id", "original"]
    assert (secret[0], len(bytes.fromhex(secret[1]))) == ("key", 32)
    assert rows == [["person", key.of_person(name), name] for name in ("Anna", "Ben")]


@pytest.mark.parametrize("content", ["", "kind,id,original\n", "a,b,c\nkey,00,x\n", "kind,id,original\nkey,zz,x\n"])
def test_key__refuses_another_file(content: str, tmp_path: Path):
    (tmp_path / "other.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="not a key"):
        Key(tmp_path / "other.csv")
    assert (tmp_path / "other.csv").read_text(encoding="utf-8") == content


def test_pseudonyms__replace_the_names_in_sources_and_rows(key_file: Path, tmp_path: Path):
    path = _file(tmp_path / "Anna" / "anna.png", b"no picture")
    sources = find_sources([str(path), str(tmp_path / "Ben.mp4")])
    ids = Pseudonyms(Key(key_file), sources, people=["Anna"])
    broken = Prediction(str(path), "unreadable", detail=f"{path}: not a picture, anna.png", person="Anna")
    [result] = ids.results(iter([ImageResult(sources[0], None, None, (broken,))]))
    code = Key(key_file).of_file(sources[0])
    assert (result.source.name, str(result.source.relative), result.source.key) == (code, code, code)
    row = result.predictions[0]
    assert (row.source, row.detail) == (code, f"{code}: not a picture, {code}")
    assert row.person == Key(key_file).of_person("Anna")
    assert result.source.path == path  # where it is read
    assert ids.originals(ids.sources) == sources
    assert "Ben" not in str(ids.sources[1].name)


def test_pseudonyms__copies_of_a_file_have_ids_of_their_own(key_file: Path, tmp_path: Path):
    paths = [_file(tmp_path / name, b"same") for name in ("a.png", "b.png")]
    names = [source.name for source in Pseudonyms(Key(key_file), find_sources(list(map(str, paths)))).sources]
    assert names[1] == names[0].replace(".png", "-2.png")


def test_pseudonyms__of_addresses_and_cameras_do_not_show_them(key_file: Path):
    address = Source(Path("x"), "video", Path("x"), address="rtsp://host/anna")
    [source] = Pseudonyms(Key(key_file), [address]).sources
    assert source.name.startswith("stream-")
    assert "anna" not in source.key
