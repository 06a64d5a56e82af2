"""Recordings that were joined into one file: sound and pictures of all of them, in step, or a report."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter

RATE, FPS = 48_000, 25
SIGNAL_S = (0.12, 0.2)  # a white picture and a beep in every recording


def _recording(path: Path, seconds: float, picture: str, sound: str, *, start_s: float = 0.0) -> bytes:
    with av.open(str(path), "w") as container:
        video = container.add_stream(picture, rate=FPS)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream(sound, rate=RATE)
        audio.codec_context.layout = "mono"
        packets = []
        for number in range(round(seconds * FPS)):
            light = 235 if SIGNAL_S[0] <= number / FPS < SIGNAL_S[1] else 20
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), light, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = number + round(start_s * FPS), Fraction(1, FPS)
            packets += video.encode(frame)
        times = np.arange(round(seconds * RATE)) / RATE
        beep = (SIGNAL_S[0] <= times) & (times < SIGNAL_S[1])
        wave = (np.sin(2 * np.pi * 880 * times) * 16_000 * beep).astype(np.int16)
        resampler = av.AudioResampler(
            format=audio.codec_context.codec.audio_formats[0].name, layout="mono", rate=RATE, frame_size=1152
        )
        tone = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        tone.sample_rate, tone.time_base, tone.pts = RATE, Fraction(1, RATE), round(start_s * RATE)
        for piece in [*resampler.resample(tone), *resampler.resample(None)]:
            packets += audio.encode(piece)
        packets += [*video.encode(None), *audio.encode(None)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path.read_bytes()


def _signals(path: Path) -> tuple[list[float], list[float]]:
    """When pictures become white and the sound loud."""
    with av.open(str(path)) as container:
        lights = [
            (float(frame.time), frame.to_ndarray(format="gray").mean() > 128) for frame in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        loud = []
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray()[0])
            for first in range(0, len(samples), 240):
                loud.append((float(frame.time) + first / RATE, samples[first : first + 240].max() > 0.1))
    return _rises(lights), _rises(loud)


def _rises(states: list[tuple[float, bool]]) -> list[float]:
    last_s, begins = -1.0, []
    for time_s, is_on in states:
        if is_on and time_s - last_s > 0.045:
            begins.append(time_s)
        last_s = time_s if is_on else last_s
    return begins


def _copy(path: Path, target: Path) -> int:
    with VideoReader(path) as video, VideoWriter(target, sound=path) as writer:
        frames = 0
        for frame in video:
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s, duration_s=frame.duration_s)
            frames += 1
    assert video.broken is None
    return frames


@pytest.mark.parametrize(
    ("suffix", "picture", "sound", "starts_s"),
    [
        ("ts", "libx264", "aac", (0, 0, 0)),
        ("ts", "mpeg2video", "ac3", (0, 0, 0)),
        ("mpg", "mpeg2video", "mp2", (0, 0, 0)),
        ("ts", "mpeg4", "mp2", (0, 0.28, 0.56)),  # each begins 0.12 s before the end of the one before
        ("mkv", "libx264", "aac", (0, 0)),
        (
            "ts",
            "libx264",
            "aac",
            (0, 0.8),
        ),  # a step forward is kept; the muxer delays the first recording by two frames, for its B-frames
    ],
)
def test_copy__has_pictures_and_sound_of_short_joined_recordings_in_step(
    suffix: str, picture: str, sound: str, starts_s: tuple[float, ...], tmp_path: Path
):
    parts = [_recording(tmp_path / f"one.{suffix}", 0.4, picture, sound, start_s=start_s) for start_s in starts_s]
    (tmp_path / f"all.{suffix}").write_bytes(b"".join(parts))
    assert _copy(tmp_path / f"all.{suffix}", tmp_path / "copy.mp4") == 10 * len(parts)
    lights_s, beeps_s = _signals(tmp_path / "copy.mp4")
    assert len(lights_s) == len(beeps_s) == len(parts)
    np.testing.assert_allclose(beeps_s, lights_s, atol=0.06)
    np.testing.assert_allclose(np.diff(lights_s), 0.4 if starts_s[1] < 0.4 else 0.72, atol=0.045)


@pytest.mark.parametrize(
    ("suffix", "times", "read"), [("mp4", 2, 10), ("flv", 2, 10), ("mkv", 3, 20), ("wmv", 2, 10), ("avi", 3, 30)]
)
def test_reader__reports_recordings_that_are_not_read(suffix: str, times: int, read: int, tmp_path: Path):
    picture, sound = {"wmv": ("wmv2", "libmp3lame"), "avi": ("mpeg4", "mp2")}.get(suffix, ("libx264", "aac"))
    part = _recording(tmp_path / f"one.{suffix}", 0.4, picture, sound)
    for count in (1, times):
        (tmp_path / f"all.{suffix}").write_bytes(part * count)
        with VideoReader(tmp_path / f"all.{suffix}") as video:
            frames = sum(1 for _ in video)
    assert frames == read
    expected = (
        None if suffix == "avi" else f"another recording is appended to the file and not read; {read} frames read"
    )
    assert video.broken == expected
