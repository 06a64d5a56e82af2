"""What a container states about its end: a file that was cut off within its frames is reported, a whole one is not."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fercli.media.video import VideoReader


def _clip(path: Path, codec: str, *, frames: int = 10, first: int = 0, options: dict[str, str] | None = None) -> Path:
    """Write frames of 1/10 s; number i is shown at (first + i)/10 s. All are key frames."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10, options={"g": "1"})
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.max_b_frames = 0
        rng = np.random.default_rng(0)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = first + number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path


CLIPS: list[tuple[str, str, dict[str, str]]] = [
    ("a.mkv", "libx264", {}),
    ("a.webm", "libvpx", {}),
    ("a.mjpeg", "mjpeg", {}),
    ("faststart.mp4", "libx264", {"movflags": "faststart"}),
    ("fragments.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
]


@pytest.mark.parametrize(("name", "codec", "options"), CLIPS)
def test_reader__reports_a_file_that_lacks_less_than_half_a_second(
    name: str, codec: str, options: dict[str, str], tmp_path: Path
):
    path = _clip(tmp_path / name, codec, options=options)
    with VideoReader(path) as video:
        assert len(list(video)) == 10
    assert video.broken is None
    with VideoReader(_cut(path, 0.75)) as video:
        frames = [frame for frame in video if frame.rgb is not None]
    assert 6 <= len(frames) <= 8
    assert video.broken is not None
    assert video.broken.startswith("cut off after 0.")


def test_reader__has_no_pixels_of_a_frame_that_is_cut_off(tmp_path: Path):
    path = _clip(tmp_path / "a.avi", "mjpeg")
    with VideoReader(path) as video:
        whole = [frame.rgb for frame in video]
    with VideoReader(_cut(path, 0.6)) as video:
        frames = list(video)
    assert frames[-1].rgb is None
    assert frames[-1].fault == "the frame cannot be decoded"
    for frame, rgb in zip(frames[:-1], whole, strict=False):
        assert np.array_equal(frame.rgb, rgb)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.flv", "flv")])
def test_last_frame__is_not_held_where_times_begin_late(name: str, codec: str, tmp_path: Path):
    with VideoReader(_clip(tmp_path / name, codec, first=100)) as video:
        frames = list(video)
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(10) / 10, atol=0.002)
    assert frames[-1].duration_s == pytest.approx(0.1, abs=0.002)
    assert video.broken is None


def test_reader__takes_a_clip_that_begins_late_and_was_trimmed_for_complete(tmp_path: Path):
    path = _clip(tmp_path / "a.mp4", "mjpeg")
    content = path.read_bytes()
    place = content.index(b"edts") - 4
    old = int.from_bytes(content[place : place + 4], "big")
    # two seconds of nothing, then the 0.4 s from the third frame on (times of the movie in ms, of the track in 1/10240 s)
    entries = struct.pack(">IiI", 2000, -1, 0x10000) + struct.pack(">IiI", 400, 2048, 0x10000)
    edits = struct.pack(">I4sI4sII", 16 + 8 + len(entries), b"edts", 16 + len(entries), b"elst", 0, 2) + entries
    content = content[:place] + edits + content[place + old :]
    for box in (b"moov", b"trak"):  # the index is behind the frames, so that their places stay
        start = content.index(box) - 4
        size = int.from_bytes(content[start : start + 4], "big") + len(edits) - old
        content = content[:start] + size.to_bytes(4, "big") + content[start + 4 :]
    path.write_bytes(content)
    with VideoReader(path) as video:
        frames = list(video)
    assert (len(frames), video.broken) == (4, None)
    np.testing.assert_allclose([frame.time_s for frame in frames], [0, 0.1, 0.2, 0.3], atol=0.002)
    assert frames[-1].duration_s == pytest.approx(0.1, abs=0.002)
