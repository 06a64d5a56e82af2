"""Videos out: what browsers play, true times, and the sound of the original in step with the pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fercli.media.selection import FrameSelection
from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter

RATE = 48_000  # Hz
BEEP_S = 1.0  # when the tone of a test clip begins and its picture turns white


def _tone(container: Any, codec: str, start_s: float, until_s: float) -> tuple[Any, list[Any]]:
    """A stream and its packets: silence, and 440 Hz from BEEP_S on."""
    stream = container.add_stream(codec, rate=RATE)
    stream.codec_context.layout = "mono"
    sample_format = stream.codec_context.codec.audio_formats[0].name
    times = np.arange(round(start_s * RATE), round(until_s * RATE)) / RATE
    samples = np.where(times >= BEEP_S, 0.5 * np.sin(2 * np.pi * 440 * times), 0)
    packets = []
    for begin in range(0, len(times), 1024):
        part = (samples[begin : begin + 1024] * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = round(start_s * RATE) + begin
        resampled = av.AudioResampler(format=sample_format, layout="mono", rate=RATE).resample(frame)
        for piece in resampled:
            packets += stream.encode(piece)
    return stream, packets + stream.encode(None)


def _source(
    path: Path,
    codec: str | None,
    *,
    times: np.ndarray,
    shift_s: float = 0.0,
    sound_from_s: float = 0.0,
    title: str = "",
) -> Path:
    """A clip whose picture turns white at BEEP_S, when its tone begins; every time in the file is later by `shift_s`."""
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        packets = _tone(container, codec, sound_from_s, float(times[-1]) + 0.5)[1] if codec else []
        for time_s in times:
            rgb = np.full((48, 64, 3), 255 if time_s >= BEEP_S else 0, np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            packets += video.encode(frame)
        packets += video.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            packet.pts += round(shift_s / packet.time_base)
            packet.dts += round(shift_s / packet.time_base)
            container.mux(packet)
    return path


def _copy(source: Path, target: Path) -> Path:
    with VideoReader(source) as video, VideoWriter(target, sound=source) as writer:
        for frame in video:
            writer.write(frame.rgb, frame.time_s)
    return target


def _beginnings(path: Path) -> tuple[float, float]:
    """When the picture turns white and when the tone begins, on the clock of a player."""
    with av.open(str(path)) as container:
        white = next(frame.time for frame in container.decode(video=0) if frame.to_ndarray(format="gray").mean() > 128)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray().astype(np.float32)).mean(axis=0) > 0.1)
            if len(loud):
                return white, frame.time + loud[0] / frame.sample_rate
    raise AssertionError("the tone is gone")


STEADY = np.arange(0, 2, 0.04)
UNEVEN = np.concatenate([np.arange(0, 1, 0.09), np.arange(BEEP_S, 2.2, 0.021)])


@pytest.mark.parametrize(
    ("name", "codec", "expected", "options"),
    [
        ("a.mp4", "aac", "aac", {"times": STEADY}),
        ("a.mp4", "aac", "aac", {"times": UNEVEN, "sound_from_s": 0.4}),
        ("a.mkv", "pcm_s16le", "aac", {"times": STEADY}),
        ("a.mkv", "libopus", "opus", {"times": UNEVEN}),
        ("a.mov", "pcm_s16le", "aac", {"times": UNEVEN, "sound_from_s": 0.7}),
        ("a.ts", "mp2", "aac", {"times": STEADY, "shift_s": 3.0}),
        ("a.ts", "aac", "aac", {"times": STEADY, "shift_s": 3.0}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_writer__keeps_the_sound_in_step(name: str, codec: str, expected: str, options: dict[str, Any], tmp_path: Path):
    source = _source(tmp_path / name, codec, **options)
    copy = _copy(source, tmp_path / "copy.mp4")
    with av.open(str(copy)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.audio[0].codec_context.name == expected
        assert container.duration / av.time_base == pytest.approx(options["times"][-1] + 0.5, abs=0.07)
    white, tone = _beginnings(copy)
    with VideoReader(source) as video:
        shown = next(frame.time_s for frame in video if frame.rgb.mean() > 128)
    assert white == pytest.approx(shown, abs=0.002)
    assert tone == pytest.approx(white, abs=0.04)


@pytest.mark.parametrize(
    ("name", "codec", "shift_s"), [("a.mp4", "aac", 0.0), ("a.mov", "pcm_s16le", 0.0), ("a.ts", "mp2", 3.0)]
)
def test_writer__keeps_the_sound_of_a_part_in_step(name: str, codec: str, shift_s: float, tmp_path: Path):
    source = _source(tmp_path / name, codec, times=STEADY, shift_s=shift_s)
    part = FrameSelection(0.6, 1.6)
    with (
        VideoReader(source, selection=part) as video,
        VideoWriter(tmp_path / "copy.mp4", sound=source, part=part) as writer,
    ):
        for frame in video:
            writer.write(frame.rgb, frame.time_s - 0.6)
    white, tone = _beginnings(tmp_path / "copy.mp4")
    assert white == pytest.approx(BEEP_S - 0.6, abs=0.041)
    assert tone == pytest.approx(white, abs=0.045)
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(1.0, abs=0.06)


def test_writer__keeps_sound_beside_a_title_that_is_no_utf8(tmp_path: Path):
    source = _source(tmp_path / "a.mkv", "aac", times=STEADY, title="AAAA\u00e9BBBB")
    source.write_bytes(source.read_bytes().replace(b"AAAA\xc3\xa9", b"AAAA\xe9Z"))  # Latin-1
    copy = _copy(source, tmp_path / "copy.mp4")
    with av.open(str(copy)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]


def test_writer__is_silent_where_the_original_is(tmp_path: Path):
    copy = _copy(_source(tmp_path / "a.mp4", None, times=STEADY), tmp_path / "copy.mp4")
    with av.open(str(copy)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(2.0, abs=0.001)  # the last frame lasts too


def test_writer__makes_what_browsers_play(tmp_path: Path):
    path = tmp_path / "a.mp4"
    with VideoWriter(path) as writer:
        for number, time_s in enumerate([0.0, 0.04, 0.1, 0.5, 0.52, 1.0]):
            writer.write(np.full((47, 65, 3), 30 * number, np.uint8), time_s)  # odd sides
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (66, 48)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # the index is in front
    level = content[content.index(b"avcC") + 7]  # ISO 14496-15: version, profile, compatibility, level
    assert level <= 31  # 3.1: any phone


def test_writer__continues_where_the_size_changes(tmp_path: Path):
    with VideoWriter(tmp_path / "a.mp4") as writer:
        for number, shape in enumerate([(48, 64, 3), (48, 64, 3), (90, 120, 3)]):
            writer.write(np.full(shape, 50 + 60 * number, np.uint8), number / 10)
    with VideoReader(tmp_path / "a.mp4") as video:
        last = list(video)[-1]
    assert last.rgb.shape == (48, 64, 3)
    assert abs(int(last.rgb[20, 20, 0]) - 170) < 6


def test_writer__keeps_colours(tmp_path: Path):
    colours = [(200, 30, 40), (20, 160, 60), (40, 50, 220), (230, 230, 230)]
    with VideoWriter(tmp_path / "a.mp4", crf=10) as writer:
        for number, colour in enumerate(colours):
            writer.write(np.full((64, 64, 3), colour, np.uint8), number / 10)
    with VideoReader(tmp_path / "a.mp4") as video:
        for frame, colour in zip(video, colours, strict=True):
            np.testing.assert_allclose(frame.rgb[32, 32], colour, atol=6)


@pytest.mark.slow
@pytest.mark.shared
def test_writer__keeps_the_sound_of_a_real_clip(shared: Path, tmp_path: Path):
    source = shared / "data" / "videos" / "C_pyfeat_face_noface.mov"
    copy = _copy(source, tmp_path / "copy.mp4")
    with av.open(str(source)) as original, av.open(str(copy)) as made:
        for kind in ("video", "audio"):
            before, after = getattr(original.streams, kind)[0], getattr(made.streams, kind)[0]
            assert float(after.duration * after.time_base) == pytest.approx(
                float(before.duration * before.time_base), abs=0.04
            )
        first = [next(container.demux(audio=0)) for container in (original, made)]
        before_s, after_s = (float(packet.pts * packet.time_base) for packet in first)
    assert after_s == pytest.approx(before_s, abs=0.005)  # the sound begins 2.4 s after the pictures
    assert before_s > 2


def test_writer__shortens_gaps_that_mp4_cannot_state(tmp_path: Path):
    with VideoWriter(tmp_path / "a.mp4") as writer:
        for number, time_s in enumerate((0.0, 1e8, 1e8 + 0.5, 3e8, 5e8, 7e8)):
            writer.write(np.full((48, 64, 3), 40 * number, np.uint8), time_s, duration_s=1e8)
    assert writer.note == "gaps of more than 3 hours between frames are shortened in the copy"
    with VideoReader(tmp_path / "a.mp4") as video:
        times = [frame.time_s for frame in video]
    np.testing.assert_allclose(times, [0, 10_800, 10_800.5, 21_600.5, 32_400.5, 43_200.5], atol=0.001)
