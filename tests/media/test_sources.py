"""What a user names, expanded."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fercli.media.sources import find_sources
from fercli.media.video_writer import VideoWriter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.PNG", "clip.mp4", "in/c.webp", "notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


def test_find_sources__expands_folders_and_keeps_their_tree(folder: Path):
    found = find_sources([str(folder)])
    assert [(source.relative.as_posix(), source.kind) for source in found] == [
        ("a.jpg", "image"),
        ("b.PNG", "image"),
        ("clip.mp4", "video"),
        ("in/c.webp", "image"),
    ]


def test_find_sources__has_a_source_for_every_name(folder: Path):
    for number in range(5):
        (folder / f"link{number}.jpg").symlink_to(folder / "a.jpg")
    found = find_sources([str(folder), str(folder / "a.jpg")])
    assert [source.path.name for source in found if source.path.suffix == ".jpg"] == [
        "a.jpg",
        *(f"link{number}.jpg" for number in range(5)),
        "a.jpg",
    ]
    assert len({source.key for source in found}) == len(found)


def test_find_sources__keeps_a_pattern_that_is_not_valid():
    (source,) = find_sources(["**x/a.jpg"])
    assert source.fault is not None  # its words depend on the version of Python


def test_find_sources__keeps_what_leads_to_nothing(folder: Path):
    (folder / "empty").mkdir()
    found = find_sources([str(folder / "no.jpg"), str(folder / "*.bmp"), str(folder / "empty"), str(folder / "a.jpg")])
    assert [source.fault for source in found] == [
        "no such file or folder",
        "no file matches",
        "the folder has no pictures or videos",
        None,
    ]


def test_find_sources__takes_a_file_named_like_a_pattern(folder: Path):
    (folder / "a[1].jpg").touch()
    (source,) = find_sources([str(folder / "a[1].jpg")])
    assert source.fault is None


def test_find_sources__takes_a_moving_gif_as_a_video(tmp_path: Path):
    frames = [Image.new("L", (4, 4), value) for value in (0, 200)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still.gif")
    assert [source.kind for source in find_sources([str(tmp_path)])] == ["video", "image"]


def test_find_sources__recognises_addresses_and_cameras(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    (folder / "1").touch()
    found = find_sources(["rtsp://me:secret@host:554/door?x=1", "http://host/a%20b.jpg", "https://host/", "0", "1"])
    (camera,) = find_sources(["http://host/door.MJPG?size=2"])
    assert camera.is_live
    assert replace(found[2], endless=True).is_live
    assert [(source.name, source.kind, source.is_live, source.address is None) for source in found] == [
        ("rtsp://host:554/door?x=1", "video", True, False),
        ("http://host/a%20b.jpg", "image", False, False),
        ("https://host/", "video", False, False),
        ("camera 0", "video", True, False),
        ("1", "image", False, True),  # a file goes before a camera
    ]
    assert [source.relative.as_posix() for source in found] == ["door", "a_b.jpg", "host", "camera-0", "1"]
    assert "secret" not in str(found[0].path)
    assert find_sources(["/dev/video3"])[0].name == "camera 3"


def test_find_sources__refuses_addresses_it_cannot_read():
    (source,) = find_sources(["ftp://host/a.mp4"])
    assert source.name == "ftp://host/a.mp4"
    assert source.fault is not None
    assert source.fault.startswith("ftp addresses are not supported, only http, https, rtsp")


def test_find_sources__inspects_files_with_an_unknown_suffix(tmp_path: Path):
    Image.new("L", (4, 4)).save(tmp_path / "a.xyz", format="png")
    with VideoWriter(tmp_path / "b.mp4") as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8), 0.0)
    (tmp_path / "b.mp4").rename(tmp_path / "b.xyz")
    assert [source.kind for source in find_sources([str(tmp_path / "*.xyz")])] == ["image", "video"]


def test_find_sources__does_not_open_what_is_no_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (source,) = find_sources([str(tmp_path / "pipe.jpg")])
    assert source.fault == "neither a file nor a folder"


def test_find_sources__survives_a_picture_too_large_to_open(tmp_path: Path):
    def part(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    for name in ("huge.gif", "huge.xyz"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", b""))
    assert [source.kind for source in find_sources([str(tmp_path / "huge.*")])] == ["image", "image"]


def test_find_sources__keeps_the_others_where_a_name_cannot_even_be_looked_up(folder: Path):
    (folder / "loop.jpg").symlink_to("loop.jpg")
    found = find_sources([str(folder / ("a" * 300 + ".jpg")), str(folder / "loop.jpg"), str(folder)])
    assert [(source.relative.name[-8:], source.fault) for source in found] == [
        ("aaaa.jpg", "file name too long"),
        ("loop.jpg", "no such file or folder"),
        ("a.jpg", None),
        ("b.PNG", None),
        ("clip.mp4", None),
        ("c.webp", None),
        ("loop.jpg", "no such file or folder"),  # found in the folder as well
    ]


def _refusing(usual: Any, name: str) -> Any:
    """A function of the system that may not look at what has a name in its path."""

    def asked(place: Any, *rest: Any, **options: Any) -> Any:
        if name in Path(os.fspath(place)).parts:
            raise PermissionError(13, "Permission denied", os.fspath(place))
        return usual(place, *rest, **options)

    return asked


def test_find_sources__reports_an_unreadable_folder_below(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "scandir", _refusing(os.scandir, "in"))  # tests may run as root, who may look anywhere
    found = find_sources([str(folder)])
    assert [(source.path, source.fault) for source in found if source.fault] == [(folder / "in", "permission denied")]
    assert len(found) == 4
    assert [source.fault for source in find_sources([str(folder / "in")])] == ["permission denied"]


def test_find_sources__reports_a_file_in_an_unreadable_folder(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "stat", _refusing(os.stat, "in"))
    found = find_sources([str(folder / "in" / "c.webp"), str(folder / "a.jpg")])
    assert [source.fault for source in found] == ["permission denied", None]


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jpe", "image"), ("a.APNG", "image"), ("a.h264", "video"), ("a.rmvb", "video")]
)
def test_find_sources__reads_what_is_less_usual_in_folders(name: str, kind: str, tmp_path: Path):
    (tmp_path / name).write_bytes(b"x")
    assert [(source.path.name, source.kind) for source in find_sources([str(tmp_path)])] == [(name, kind)]


def test_find_sources__takes_pictures_by_any_of_their_suffixes(folder: Path):
    for name in ("d.jfif", "e.HEIC"):
        (folder / "in" / name).write_bytes(b"x")
    named = find_sources([str(folder / "in" / "e.HEIC")])
    assert [(source.path.name, source.kind) for source in [*find_sources([str(folder / "in")]), *named]] == [
        ("c.webp", "image"),
        ("d.jfif", "image"),
        ("e.HEIC", "image"),
        ("e.HEIC", "image"),
    ]
