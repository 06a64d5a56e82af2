"""What a user names, expanded."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fercli.media.sources import find_sources


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


def test_find_sources__names_every_file_once(folder: Path):
    found = find_sources([str(folder / "a.jpg"), str(folder / "*.jpg"), str(folder)])
    assert sum(source.path.name == "a.jpg" for source in found) == 1


def test_find_sources__keeps_what_leads_to_nothing(folder: Path):
    (folder / "empty").mkdir()
    found = find_sources([str(folder / "no.jpg"), str(folder / "*.bmp"), str(folder / "empty"), str(folder / "a.jpg")])
    assert [source.fault for source in found] == [
        "no such file or folder",
        "no file matches",
        "the folder has no pictures or videos",
        None,
    ]


def test_find_sources__takes_a_file_whose_name_looks_like_a_pattern(folder: Path):
    (folder / "a[1].jpg").touch()
    (source,) = find_sources([str(folder / "a[1].jpg")])
    assert source.fault is None


def test_find_sources__takes_a_moving_gif_as_a_video(tmp_path: Path):
    frames = [Image.new("L", (4, 4), value) for value in (0, 200)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still.gif")
    assert [source.kind for source in find_sources([str(tmp_path)])] == ["video", "image"]
