"""Videos in and out with true times."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fercli.errors import DataError
from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter

TIMES = [0.0, 0.04, 0.1, 0.5, 0.52, 1.0]  # s: no constant rate


def _frame(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    rgb = np.full((height, width, 3), 30 * number + 20, np.uint8)
    rgb[:16, :16] = (255, 0, 0)
    return rgb


def _clip(path: Path, times: list[float], **size: int) -> Path:
    with VideoWriter(path) as writer:
        for number, time_s in enumerate(times):
            writer.write(_frame(number % 8, **size), time_s)
    return path


def test_video__keeps_times_of_a_variable_rate(tmp_path: Path):
    with VideoReader(_clip(tmp_path / "a.mp4", TIMES)) as video:
        frames = list(video)
    assert [frame.index for frame in frames] == list(range(6))
    np.testing.assert_allclose([frame.time_s for frame in frames], TIMES, atol=1e-4)
    assert video.broken is None
    for number, frame in enumerate(frames):
        assert abs(int(frame.rgb[40, 40, 0]) - (30 * number + 20)) < 6


def test_reader__applies_the_display_matrix(tmp_path: Path):
    path = _clip(tmp_path / "a.mp4", TIMES[:3])
    content = bytearray(path.read_bytes())
    one = 0x10000
    plain = b"".join(value.to_bytes(4, "big", signed=True) for value in (one, 0, 0, 0, one, 0, 0, 0, 0x40000000))
    turned = b"".join(value.to_bytes(4, "big", signed=True) for value in (0, one, 0, -one, 0, 0, 0, 0, 0x40000000))
    place = content.index(plain, content.index(b"tkhd"))
    content[place : place + 36] = turned  # as a phone held upright writes it: turn by 90 degrees clockwise
    path.write_bytes(content)
    with VideoReader(path) as video:
        first = next(iter(video))
    assert first.rgb.shape == (64, 48, 3)
    red = (first.rgb[..., 0] > 200) & (first.rgb[..., 1] < 60)
    assert red[4:12, 36:44].all()  # the mark at the top left is now at the top right
    assert not red[:, :28].any()


def test_reader__reads_a_gif_with_its_times(tmp_path: Path):
    frames = [Image.fromarray(_frame(number)) for number in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=[100, 300, 100])
    with VideoReader(tmp_path / "a.gif") as video:
        times = [frame.time_s for frame in video]
    np.testing.assert_allclose(times, [0, 0.1, 0.4], atol=0.02)
    assert video.broken is None


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 2), ("libx264", 3), ("mpeg4", 2), ("libx264", 0)])
def test_reader__counts_frames_where_the_container_has_no_presentation_times(codec: str, b_frames: int, tmp_path: Path):
    with av.open(str(tmp_path / "a.avi"), "w", format="avi") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        for number in range(14):
            grey = np.full((48, 64, 3), 15 * number + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    with VideoReader(tmp_path / "a.avi") as video:
        frames = list(video)
    assert [round((int(frame.rgb[20, 20, 0]) - 20) / 15) for frame in frames if frame.rgb is not None] == [*range(14)]
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(14) / 25, atol=1e-6)
    assert video.broken is None


def test_reader__continues_where_a_second_recording_was_joined(tmp_path: Path):
    path = tmp_path / "a.ts"
    with path.open("wb") as joined:
        for _ in range(2):
            with av.open(str(tmp_path / "part.ts"), "w", format="mpegts") as container:
                stream = container.add_stream("libx264", rate=10)
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
                stream.codec_context.max_b_frames = 2
                for number in range(10):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(_frame(number % 8), format="rgb24")))
                container.mux(stream.encode(None))
            joined.write((tmp_path / "part.ts").read_bytes())
    with VideoReader(path) as video:
        times = [frame.time_s for frame in video]
    assert len(times) == 20
    np.testing.assert_allclose(times, np.arange(20) / 10, atol=0.11)  # one interval, where the two are joined
    assert np.diff(times).min() > 0


def test_reader__reads_what_decodes_of_a_cut_off_file_and_reports_it(tmp_path: Path):
    path = tmp_path / "a.mp4"
    noise = np.random.default_rng(0)
    with VideoWriter(path) as writer:
        for number in range(60):
            writer.write(noise.integers(0, 256, (48, 64, 3), dtype=np.uint8), number / 25)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with VideoReader(path) as video:
        read = sum(1 for _ in video)
    assert 10 < read < 45
    assert video.broken is not None
    assert "cut off" in video.broken


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "libx264"), ("avi", "mpeg4"), ("mp4", "libx264")])
def test_reader__takes_a_title_that_is_no_utf8(suffix: str, codec: str, tmp_path: Path):
    path = _encoded(tmp_path / f"a.{suffix}", codec, title="AAAA\u00e9BBBB")
    content = path.read_bytes()
    assert b"AAAA\xc3\xa9" in content
    path.write_bytes(content.replace(b"AAAA\xc3\xa9", b"AAAA\xe9Z"))  # Latin-1
    with VideoReader(path) as video:
        assert sum(1 for _ in video) == 8


def _encoded(path: Path, codec: str, *, title: str) -> Path:
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_frame(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_reader__does_without_a_duration_that_is_none(tmp_path: Path):
    path = _encoded(tmp_path / "a.mkv", "libx264", title="")
    content = path.read_bytes()
    place = content.index(b"00:00:00", content.index(b"DURATION"))
    path.write_bytes(content[:place] + b"00-00-00" + content[place + 8 :])
    with VideoReader(path) as video:
        assert sum(1 for _ in video) == 8
    assert video.broken is None


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"])
def test_reader__refuses_what_is_no_video(content: bytes, tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mp4: "):
        VideoReader(tmp_path / "a.mp4")


def test_reader__refuses_a_missing_file_and_a_folder(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        VideoReader(tmp_path / "nope.mp4")
    with pytest.raises(DataError, match="folder"):
        VideoReader(tmp_path)


def test_reader__has_a_frame_without_pixels_for_each_that_cannot_be_decoded(
    tmp_path: Path, damaged_clip: Callable[..., Path]
):
    with VideoReader(damaged_clip(tmp_path / "a.mp4", broken=(7, 8, 20))) as video:
        frames = list(video)
    assert [frame.index for frame in frames] == list(range(40))
    assert [frame.index for frame in frames if frame.rgb is None] == [7, 8, 20]
    assert {frame.fault for frame in frames if frame.rgb is None} == {"the frame cannot be decoded"}
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(40) / 10, atol=1e-4)
    assert video.broken is None


def _tone(path: Path, *, cover: bool) -> Path:
    """A tenth of a second of silence in an MP4; with a picture that is its cover."""
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000)
        sound.codec_context.layout = "mono"
        picture = container.add_stream("mjpeg", rate=1) if cover else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame.from_ndarray(_frame(0), format="rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        for frame in (silence, None):
            container.mux(sound.encode(frame))
    return path


@pytest.mark.parametrize("cover", [False, True])
def test_reader__does_not_take_a_sound_file_for_a_video(cover: bool, tmp_path: Path):
    with pytest.raises(DataError, match="has no video track"):
        VideoReader(_tone(tmp_path / "a.mp4", cover=cover))


@pytest.mark.slow
@pytest.mark.shared
def test_reader__reads_real_clips_of_variable_rate(shared: Path):
    with VideoReader(shared / "data" / "videos" / "C_pyfeat_face_noface.mov") as video:
        times = [frame.time_s for frame in video]
    assert len(times) == 169
    assert times[-1] == pytest.approx(6.3604, abs=1e-3)
    assert np.ptp(np.diff(times)) > 0.005
    assert video.broken is None


def test_reader__refuses_frames_over_the_limit_of_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = _clip(tmp_path / "a.mp4", TIMES)
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.003")
    with pytest.raises(DataError, match="64 x 48 pixels, more than the limit"):
        VideoReader(path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from Linux")
def test_frame__larger_than_the_header_says__is_not_decoded(tmp_path: Path):
    def png(side: int) -> bytes:
        memory = io.BytesIO()
        Image.new("L", (side, side)).save(memory, "PNG", compress_level=1)
        return memory.getvalue()

    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "gray"
        stream.codec_context.open()
        for number, side in enumerate((64, 64, 12_000, *[64] * 6)):  # 144 million pixels
            packet = av.Packet(png(side))
            packet.stream, packet.pts, packet.dts, packet.duration = stream, number, number, 1
            packet.time_base, packet.is_keyframe = Fraction(1, 10), True
            container.mux(packet)
    code = (
        "import sys\nfrom pathlib import Path\nfrom fercli.media.video import VideoReader\n"
        "with VideoReader(Path(sys.argv[1])) as reader:\n    print([frame.rgb is not None for frame in reader])\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.mov")], capture_output=True, text=True, check=True
    )
    frames, peak_kb = done.stdout.splitlines()
    assert frames == str([True, True, False, *[True] * 6])
    assert int(peak_kb) < 200_000  # one such frame has 144 MB, and its copies
