"""Which track of a file is read, and what the demuxer may raise."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from fercli.media.tracks import DemuxError, packets
from fercli.media.video import VideoReader


def _tracks(path: Path, sizes: list[tuple[int, int]], *, default: int | None = None) -> Path:
    with av.open(str(path), "w") as container:
        streams = []
        for number, (width, height) in enumerate(sizes):
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            if default is not None:
                stream.disposition = av.stream.Disposition.default if number == default else 0
            streams.append(stream)
        for number in range(3):
            for stream in streams:
                rgb = np.full((stream.height, stream.width, 3), 90, np.uint8)
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "default", "expected"),
    [
        ("large.ts", None, "picture track 2 of 2 is read (96 x 64)"),
        ("default.mkv", 0, "picture track 1 of 2 is read (32 x 32)"),
        ("default.mkv", 1, "picture track 2 of 2 is read (96 x 64)"),
    ],
)
def test_reader__takes_the_default_track_or_the_largest(name: str, default: int | None, expected: str, tmp_path: Path):
    clip = _tracks(tmp_path / name, [(32, 32), (96, 64)], default=default)
    with VideoReader(clip) as video:
        frames = list(video)
        note = video.note
    assert note == expected
    rgb = frames[0].rgb
    assert rgb is not None
    assert f"({rgb.shape[1]} x {rgb.shape[0]})" in expected
    assert len(frames) == 3


def test_reader__reports_no_choice_for_a_single_track(tmp_path: Path):
    with VideoReader(_tracks(tmp_path / "one.mkv", [(32, 32)])) as video:
        assert video.note is None


class _Container:
    """Yields packets of these sizes, then raises."""

    def __init__(self, sizes: list[int], error: Exception) -> None:
        self._sizes, self._error = sizes, error

    def demux(self, *_: Any) -> Iterator[Any]:
        for size in self._sizes:
            yield SimpleNamespace(size=size, stream=SimpleNamespace(index=1))
        raise self._error


@pytest.mark.parametrize("error", [IndexError("list index out of range"), RuntimeError(), av.FFmpegError(1, "broken")])
def test_packets__turn_any_error_into_one(error: Exception):
    with pytest.raises(DemuxError):
        list(packets(_Container([5, 5], error), "stream"))


def test_packets__ignore_an_error_after_the_end():
    assert len(list(packets(_Container([5, 5, 0], IndexError()), "stream"))) == 3
