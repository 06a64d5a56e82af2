"""Animated pictures, as files and from a server: every frame has its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fercli.media.feed import feed
from fercli.media.selection import FrameSelection
from fercli.media.sources import find_sources

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def _animated(path: Path) -> Path:
    frames = [Image.new("RGB", (20, 16), colour) for colour in COLOURS]
    options: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 300, 200], **options)
    return path


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
@pytest.mark.parametrize("over_http", [False, True])
def test_feed__has_every_frame_of_an_animated_picture(name: str, over_http: bool, file_server: Any, tmp_path: Path):
    path = _animated(tmp_path / name)
    named = file_server.serve(f"/{name}", path.read_bytes()) if over_http else str(path)
    items = list(feed(find_sources([named])))
    assert [item.frame for item in items] == [0, 1, 2]
    assert [item.source.kind for item in items] == ["video"] * 3
    np.testing.assert_allclose([item.time_s for item in items], [0, 0.1, 0.4], atol=0.011)
    for item, colour in zip(items, COLOURS, strict=True):
        assert item.rgb is not None
        np.testing.assert_allclose(item.rgb[8, 10], colour, atol=2)
    assert items[-1].duration_s == pytest.approx(0.2, abs=0.011)


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "avif"])
@pytest.mark.parametrize("name", ["a.jpg", "a.gif", "a.mp4", "a"])
def test_feed__has_every_frame_whatever_the_suffix(name: str, kind: str, tmp_path: Path):
    path = tmp_path / name
    _animated(tmp_path / f"source.{kind}").rename(path)
    items = list(feed(find_sources([str(path)])))
    assert [(item.frame, item.fault) for item in items] == [(0, None), (1, None), (2, None)]
    np.testing.assert_allclose([item.time_s for item in items], [0, 0.1, 0.4], atol=0.011)
    for item, colour in zip(items, COLOURS, strict=True):
        assert item.rgb is not None
        np.testing.assert_allclose(item.rgb[8, 10], colour, atol=2)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_feed__has_every_frame_from_an_address_without_a_suffix(name: str, file_server: Any, tmp_path: Path):
    address = file_server.serve("/picture", _animated(tmp_path / name).read_bytes()) + "?id=3"
    items = list(feed(find_sources([address])))
    assert [item.frame for item in items] == [0, 1, 2]
    np.testing.assert_allclose([item.time_s for item in items], [0, 0.1, 0.4], atol=0.011)
    Image.new("RGB", (20, 16), "red").save(tmp_path / name)
    address = file_server.serve("/picture", (tmp_path / name).read_bytes())
    (item,) = feed(find_sources([address]))
    assert (item.frame, item.fault) == (0, None)
    assert item.rgb is not None
    np.testing.assert_allclose(item.rgb[8, 10], (255, 0, 0), atol=2)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_feed__has_the_selected_frames_of_an_animated_picture(name: str, tmp_path: Path):
    (source,) = find_sources([str(_animated(tmp_path / name))])
    for selection, frames in (((0.05,), [1, 2]), ((0.0, 0.4), [0, 1]), ((0.0, None, 4), [0, 2]), ((0.0, None, 2), [0])):
        items = list(feed([replace(source, selection=FrameSelection(*selection))]))
        assert [item.frame for item in items] == frames  # shown from 0, 0.1 and 0.4 s on
    (item,) = feed([replace(source, selection=FrameSelection(5.0))])
    assert item.fault is not None
    assert item.fault.startswith("no frame to read (every frame from 0:05.000)")


def test_feed__keeps_a_still_picture_from_a_server_a_picture(file_server: Any, tmp_path: Path):
    Image.new("RGB", (20, 16), "red").save(tmp_path / "a.gif")
    (item,) = feed(find_sources([file_server.serve("/a.gif", (tmp_path / "a.gif").read_bytes())]))
    assert item.frame is None
    assert item.source.kind == "image"


def test_feed__reports_where_an_animation_breaks_off(tmp_path: Path):
    noise = np.random.default_rng(0)
    frames = [Image.fromarray(noise.integers(0, 255, (64, 64, 3), dtype=np.uint8)) for _ in range(4)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=100)
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) * 6 // 10])
    items = list(feed(find_sources([str(tmp_path / "a.png")])))
    assert [item.frame for item in items] == [0, 1, None]
    assert items[-1].fault == "cut off after 0.2 s; 2 frames read"


@pytest.mark.parametrize("side", [10_000, 65_535])  # over our limit, and over that of Pillow
def test_feed__ends_an_animation_before_a_frame_over_the_limit_of_pixels(side: int, tmp_path: Path):
    path = tmp_path / "a.jpg"
    content = bytearray(_animated(tmp_path / "a.gif").read_bytes())
    descriptor = content.rindex(b"\x21\xf9\x04") + 8  # behind the extension of the last frame
    assert content[descriptor : descriptor + 1] == b"\x2c"
    content[descriptor + 5 : descriptor + 9] = side.to_bytes(2, "little") * 2
    path.write_bytes(content)
    items = list(feed(find_sources([str(path)])))
    assert [(item.frame, item.fault) for item in items] == [(0, None), (1, None), (None, items[-1].fault)]
    assert items[-1].fault == "cut off after 0.4 s; 2 frames read"
