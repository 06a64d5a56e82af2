"""Sound of copies: whatever the sound is like, every frame is written, and what is missing is reported."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fercli.media.sound import SampleConverter
from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter

RATE = 48_000


def _clip(
    path: Path,
    codec: str,
    *,
    seconds: float = 1.0,
    sound_from_s: float = 0.0,
    layouts: tuple[str, ...] = ("stereo",),
    picture: str = "mpeg4",
    silent_s: float = 0.0,
) -> Path:
    """A clip of 25 frames/s with one 440 Hz tone per layout, each in a sound track of its own; silent at first."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(picture, rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        packets = []
        sounds = []
        for layout in layouts:
            sound = container.add_stream(codec, rate=RATE, options={"strict": "experimental", "b": "128000"})
            sound.codec_context.layout = layout
            sounds.append(sound)
        for sound in sounds:
            packets += _tone(sound, sound_from_s, seconds, silent_s)
        for number in range(round(seconds * 25)):
            rgb = np.full((48, 64, 3), number * 5 % 250, np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += video.encode(frame)
        packets += video.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def _tone(stream: av.AudioStream, start_s: float, end_s: float, silent_s: float = 0.0) -> list[av.Packet]:
    codec = stream.codec_context
    times = np.arange(round(start_s * RATE), round(end_s * RATE)) / RATE
    tone = np.sin(2 * np.pi * 440 * times) * 16000 * (times >= silent_s)
    wave = np.tile(tone.astype(np.int16), (codec.layout.nb_channels, 1))
    resampler = av.AudioResampler(format=codec.codec.audio_formats[0].name, layout=codec.layout, rate=RATE)
    packets: list[av.Packet] = []
    for begin in range(0, wave.shape[1], 1152):
        part = np.ascontiguousarray(wave[:, begin : begin + 1152])
        if codec.layout.nb_channels > 1:
            part = part.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="s16", layout=codec.layout.name)
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = round(start_s * RATE) + begin
        for piece in resampler.resample(frame):
            packets += stream.encode(piece)
    return packets + stream.encode(None)


def _copy(source: Path, target: Path) -> str | None:
    with VideoReader(source) as frames, VideoWriter(target, sound=source) as writer:
        for frame in frames:
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s)
    return writer.note


def _loud_s(path: Path) -> tuple[float, float, str]:
    """When the sound of a file begins and ends, in seconds, and its codec."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        name = stream.codec_context.codec.canonical_name
        pieces = [
            (float(frame.pts * frame.time_base), np.abs(frame.to_ndarray().astype(float)).max(), frame.samples)
            for frame in container.decode(stream)
        ]
        loud = [(start, start + count / stream.rate) for start, peak, count in pieces if peak > 0.05]
    return loud[0][0], loud[-1][1], name


@pytest.mark.parametrize(
    ("suffix", "codec", "expected"),
    [("avi", "libmp3lame", "aac"), ("avi", "ac3", "aac"), ("mkv", "libmp3lame", "mp3"), ("ts", "mp2", "aac")],
)
def test_copy__has_the_whole_sound(suffix: str, codec: str, expected: str, tmp_path: Path):
    note = _copy(_clip(tmp_path / f"in.{suffix}", codec), tmp_path / "out.mp4")
    start, end, name = _loud_s(tmp_path / "out.mp4")
    assert note is None
    assert name == expected
    assert start == pytest.approx(0, abs=0.1)
    assert end == pytest.approx(1.0, abs=0.1)


def _onset_s(path: Path) -> float:
    """When the sound of a file becomes loud, from its first picture on."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        first_s = float(first.pts * first.time_base)
    mono = av.AudioResampler(format="flt", layout="mono", rate=8000)
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        samples = np.concatenate([part.to_ndarray().ravel() for frame in frames for part in mono.resample(frame)])
    start_s = float(frames[0].pts * frames[0].time_base)
    return start_s + float(np.argmax(np.abs(samples) > 0.1)) / 8000 - first_s


@pytest.mark.parametrize(
    ("suffix", "codec", "picture"),
    [("mkv", "ac3", "mpeg4"), ("webm", "vorbis", "libvpx"), ("wmv", "wmav2", "wmv2"), ("mkv", "flac", "mpeg4")],
)
def test_copy__has_sound_in_step_although_the_decoder_leaves_some_out(
    suffix: str, codec: str, picture: str, tmp_path: Path
):
    source = _clip(tmp_path / f"in.{suffix}", codec, picture=picture, silent_s=0.5)
    assert _copy(source, tmp_path / "out.mp4") is None
    assert _onset_s(tmp_path / "out.mp4") == pytest.approx(_onset_s(source), abs=0.005)


@pytest.mark.parametrize("codec", ["aac", "mp2"])
def test_copy__has_the_sound_of_all_joined_recordings(codec: str, tmp_path: Path):
    one = _clip(tmp_path / "one.ts", codec)
    (tmp_path / "three.ts").write_bytes(one.read_bytes() * 3)
    assert _copy(tmp_path / "three.ts", tmp_path / "out.mp4") is None
    _, end, _ = _loud_s(tmp_path / "out.mp4")
    assert end == pytest.approx(3.0, abs=0.15)


def test_copy__has_the_last_piece_that_a_decoder_holds_back(tmp_path: Path):
    clip = _clip(tmp_path / "in.ts", "aac")
    with av.open(str(clip)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert _copy(clip, tmp_path / "out.mp4") is None
    with av.open(str(tmp_path / "out.mp4")) as copy:
        copied = sum(frame.samples for frame in copy.decode(audio=0))
    assert copied >= samples - 1024


def test_copy__continues_where_the_layout_changes(tmp_path: Path):
    parts = [
        _clip(tmp_path / f"{layout}.ts", "ac3", layouts=(layout,)).read_bytes()
        for layout in ("stereo", "mono", "stereo")
    ]
    (tmp_path / "all.ts").write_bytes(b"".join(parts))
    _copy(tmp_path / "all.ts", tmp_path / "out.mp4")
    assert _loud_s(tmp_path / "out.mp4")[1] == pytest.approx(3.0, abs=0.15)


@pytest.mark.parametrize(("suffix", "picture"), [("flv", "flv1"), ("ts", "mpeg4")])
def test_copy__has_sound_that_begins_late(suffix: str, picture: str, tmp_path: Path):
    clip = _clip(tmp_path / f"late.{suffix}", "aac", seconds=9, sound_from_s=8, picture=picture)
    with VideoReader(clip) as video:
        assert len(list(video)) == 225
    _copy(clip, tmp_path / "out.mp4")
    start, end, _ = _loud_s(tmp_path / "out.mp4")
    assert start == pytest.approx(8.0, abs=0.15)
    assert end == pytest.approx(9.0, abs=0.15)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("avi", "ac3"), ("ts", "mp2"), ("ts", "aac"), ("mkv", "aac"), ("mp4", "aac")]
)
def test_copy__has_every_frame_whatever_the_sound_is_like(suffix: str, codec: str, tmp_path: Path):
    clip = _clip(tmp_path / f"in.{suffix}", codec, seconds=2)
    content = bytearray(clip.read_bytes())
    with av.open(str(clip)) as container:
        positions = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size and packet.pos]
    noise = np.random.default_rng(0)
    for position, size in positions[10:40]:
        start = position + (8 if suffix == "ts" else 0)
        content[start : start + min(size, 100)] = noise.bytes(min(size, 100))
    clip.write_bytes(content)
    with VideoReader(clip) as video:
        times = [frame.time_s for frame in video if frame.rgb is not None]
    _copy_decodable(clip, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert len(list(copy.decode(video=0))) == len(times)


def _copy_decodable(source: Path, target: Path) -> None:
    with VideoReader(source) as frames, VideoWriter(target, sound=source) as writer:
        for frame in frames:
            if frame.rgb is not None:
                writer.write(frame.rgb, frame.time_s)


def test_copy__reports_what_is_missing_and_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise ValueError("no such layout")

    monkeypatch.setattr(SampleConverter, "at", refuse)
    note = _copy(_clip(tmp_path / "in.avi", "ac3"), tmp_path / "out.mp4")
    assert note == "the copy has no sound after 0.0 s (no such layout)"
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert len(list(copy.decode(video=0))) == 25


def test_copy__has_the_track_with_most_channels_and_reports_it(tmp_path: Path):
    clip = _clip(tmp_path / "in.ts", "mp2", layouts=("mono", "stereo"))
    assert _copy(clip, tmp_path / "out.mp4") == "sound track 2 of 2 is read"
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert copy.streams.audio[0].codec_context.layout.nb_channels == 2


def test_copy__is_not_filled_with_days_of_silence(tmp_path: Path):
    clip = _clip(tmp_path / "in.ts", "mp2")
    with av.open(str(clip)) as source, av.open(str(tmp_path / "late.mkv"), "w") as target:
        streams = [target.add_stream_from_template(stream) for stream in source.streams]
        sounds = 0
        for packet in source.demux():
            if not packet.size:
                continue
            sounds += packet.stream.type == "audio"
            packet.stream = streams[packet.stream_index]
            if packet.stream.type == "audio" and sounds > 20:  # of 42 pieces
                packet.pts = packet.dts = packet.pts + round(3 * 86_400 / packet.time_base)
            target.mux(packet)
    _copy_decodable(tmp_path / "late.mkv", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert copy.duration / av.time_base < 65


def test_copy__is_written_although_the_header_of_the_sound_is_damaged(tmp_path: Path):
    source = _clip(tmp_path / "in.mkv", "libopus")
    content = source.read_bytes()
    place = content.rindex(b"\x63\xa2", 0, content.index(b"OpusHead"))  # the element that has it
    source.write_bytes(content[:place] + b"\x63\xa3" + content[place + 2 :])
    note = _copy(source, tmp_path / "out.mp4")
    with VideoReader(tmp_path / "out.mp4") as video:
        assert len(list(video)) == 25
    assert note is None or "sound" in note
