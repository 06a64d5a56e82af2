"""Frames as a player shows them: mirrored, turned, with square pixels, held to the end."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from fercli.media.display import square_size
from fercli.media.feed import feed
from fercli.media.sources import find_sources
from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter

RED = (255, 0, 0)
ONE = 0x10000
_PIXELS = {"libx264": "yuv444p", "mjpeg": "yuvj420p"}


def _marked() -> np.ndarray:
    """Grey 64 x 48 with a red square at the top left."""
    rgb = np.full((48, 64, 3), 90, np.uint8)
    rgb[:16, :16] = RED
    return rgb


@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])  # the second has key frames only: each is asked for its matrix
def test_reader__keeps_no_decoded_frame_in_memory(codec: str, tmp_path: Path):
    path = _clip(tmp_path / "a.mp4", codec, count=40)
    path = _with_matrix(path, 0, 1, -1, 0) if codec == "libx264" else path
    gc.collect()
    gc.disable()
    try:
        with VideoReader(path) as video:
            shapes = [frame.rgb.shape for frame in video if frame.rgb is not None]
        assert shapes == [(64, 48, 3) if codec == "libx264" else (48, 64, 3)] * 40
        # PyAV ties a frame and its side data in a cycle, which keeps both until the next search for garbage
        assert sum(type(thing) is av.VideoFrame for thing in gc.get_objects()) <= 2
    finally:
        gc.enable()


def _clip(path: Path, codec: str = "libx264", *, aspect: Fraction | None = None, count: int = 3) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, _PIXELS.get(codec, "yuv420p")
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(_marked(), format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _with_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Replace the display matrix of an MP4 file's track."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd")
    plain = b"".join(value.to_bytes(4, "big", signed=True) for value in (ONE, 0, 0, 0, ONE, 0, 0, 0, 0x40000000))
    values = (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 0x40000000)
    place = content.index(plain, start)
    content[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    path.write_bytes(content)
    return path


def _first(path: Path) -> np.ndarray:
    with VideoReader(path) as video:
        rgb = next(iter(video)).rgb
    assert rgb is not None
    return rgb


# QuickTime: x' = a x + c y, y' = b x + d y; where the mark at the top left comes to
@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((1, 0, 0, 1), "top left"),
        ((-1, 0, 0, 1), "top right"),  # mirrored
        ((1, 0, 0, -1), "bottom left"),  # mirrored upside down
        ((-1, 0, 0, -1), "bottom right"),  # half a turn
        ((0, 1, -1, 0), "top right"),  # a quarter turn clockwise
        ((0, -1, 1, 0), "bottom left"),  # counter-clockwise
        ((0, 1, 1, 0), "top left"),  # mirrored at the diagonal
        ((0, -1, -1, 0), "bottom right"),  # mirrored at the other diagonal
    ],
)
def test_reader__applies_every_display_matrix(matrix: tuple[int, int, int, int], corner: str, tmp_path: Path):
    rgb = _first(_with_matrix(_clip(tmp_path / "a.mp4"), *matrix))
    assert rgb.shape == ((64, 48, 3) if matrix[0] == 0 else (48, 64, 3))
    rows = slice(2, 14) if "top" in corner else slice(-14, -2)
    columns = slice(2, 14) if "left" in corner else slice(-14, -2)
    red = (rgb[..., 0] > 200) & (rgb[..., 1] < 60)
    assert red[rows, columns].all()
    assert red.sum() < 400


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize(
    ("aspect", "size_wh"),
    [(Fraction(20, 11), (116, 48)), (Fraction(16, 11), (93, 48)), (Fraction(8, 9), (64, 54)), (Fraction(1), (64, 48))],
)
def test_reader__makes_pixels_square(suffix: str, aspect: Fraction, size_wh: tuple[int, int], tmp_path: Path):
    clip = _clip(tmp_path / f"a.{suffix}", "mpeg4", aspect=aspect)
    assert _first(clip).shape[1::-1] == size_wh
    with VideoReader(clip) as video, VideoWriter(tmp_path / "copy.mp4") as writer:
        for frame in video:
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s)
    copy = _first(tmp_path / "copy.mp4")
    assert copy.shape[1] / copy.shape[0] == pytest.approx(64 * aspect / 48, rel=0.03)


@pytest.mark.parametrize("aspect", [None, Fraction(0), Fraction(255, 1), Fraction(1, 255), Fraction(-1)])
def test_square_size__ignores_a_shape_that_cannot_be(aspect: Fraction | None):
    assert square_size(720, 576, aspect) == (720, 576)


def test_reader__makes_pixels_square_before_it_turns(tmp_path: Path):
    clip = _with_matrix(_clip(tmp_path / "a.mp4", aspect=Fraction(2)), 0, 1, -1, 0)
    assert _first(clip).shape == (128, 48, 3)


def _held(path: Path, hold_s: float) -> Path:
    """Three frames, 0.1 s apart; the last one is shown for `hold_s`."""
    if path.suffix == ".gif":
        frames = [Image.fromarray(_marked()).point(lambda value, n=n: value + n) for n in range(3)]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 100, round(hold_s * 1000)])
        return path
    codec = "libvpx" if path.suffix == ".webm" else "mpeg4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        packets = []
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(_marked(), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        packets[-1].duration = round(hold_s / packets[-1].time_base)
        for packet in packets:
            container.mux(packet)
    return path


@pytest.mark.parametrize("suffix", ["gif", "mp4", "mov", "mkv", "webm"])
def test_copy__is_as_long_as_an_original_that_holds_its_last_frame(suffix: str, tmp_path: Path):
    clip = _held(tmp_path / f"a.{suffix}", 4.0)
    with VideoReader(clip) as video, VideoWriter(tmp_path / "copy.mp4") as writer:
        for frame in video:
            assert frame.rgb is not None
            last = frame.duration_s
            writer.write(frame.rgb, frame.time_s, duration_s=frame.duration_s)
        assert video.broken is None
    assert last == pytest.approx(4.0, abs=0.11)
    with av.open(str(tmp_path / "copy.mp4")) as copy:
        stream = copy.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(4.2, abs=0.11)


@pytest.mark.parametrize("suffix", ["gif", "mp4", "mkv", "webm"])
def test_reader__still_notices_that_the_end_is_missing(suffix: str, tmp_path: Path):
    whole = tmp_path / f"whole.{suffix}"
    if suffix == "gif":
        _held(whole, 4.0)
        content = whole.read_bytes()[:-2]
    else:
        _clip(tmp_path / f"whole.{suffix}", "libvpx" if suffix == "webm" else "mpeg4", count=100)
        content = whole.read_bytes()
        content = content[: len(content) * 2 // 3] if suffix != "mp4" else content
    if suffix == "mp4":  # with the index in front, as only then a broken file can be read
        with VideoWriter(whole) as writer:
            for number in range(100):
                writer.write(np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8), number / 25)
        content = whole.read_bytes()
        content = content[: len(content) * 2 // 3]
    (tmp_path / f"cut.{suffix}").write_bytes(content)
    with VideoReader(tmp_path / f"cut.{suffix}") as video:
        assert list(video)
    assert video.broken is not None
    assert video.broken.startswith("cut off after")


@pytest.mark.parametrize("suffix", ["mjpeg", "mjpg"])
def test_feed__reads_every_picture_of_a_motion_jpeg_file(suffix: str, tmp_path: Path):
    clip = tmp_path / f"a.{suffix}"
    with av.open(str(clip), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(_marked(), format="rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    items = list(feed(find_sources([str(tmp_path)])))
    assert [item.frame for item in items] == [0, 1, 2, 3]


@pytest.mark.shared
def test_reader__shows_the_shared_clips_as_a_player(shared: Path):
    cases = shared / "cases"
    assert _first(cases / "sar" / "sar_20_11.mp4").shape == _first(cases / "sar" / "square.mp4").shape
    # hflip.mp4 is the clip of avi_mp3, mirrored by its display matrix
    mirrored, plain = _first(cases / "mirrored_matrix" / "hflip.mp4"), _first(cases / "avi_mp3" / "mp3.avi")
    assert np.corrcoef(mirrored.ravel(), plain.ravel())[0, 1] != 1
    with VideoReader(cases / "late_audio_flv" / "late_audio.flv") as video:
        assert len(list(video)) == 70


def _joined(path: Path, codec: str, clips: list[dict[str, object]]) -> Path:
    """Recordings of 12 frames without a container, one after the other. aspect: of pixels. flip: by a message in H.264."""
    content = b""
    for clip in clips:
        part = io.BytesIO()
        with av.open(part, "w", format=path.suffix[1:].replace("ts", "mpegts")) as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.sample_aspect_ratio = clip.get("aspect", Fraction(1))
            packets = [
                packet
                for _ in range(12)
                for packet in stream.encode(av.VideoFrame.from_ndarray(_marked(), format="rgb24"))
            ]
            packets += stream.encode(None)
            if flip := clip.get("flip"):
                orientation = f"h264_metadata=display_orientation=insert:flip={flip}"
                filter_ = av.bitstream.BitStreamFilterContext(orientation, stream)
                packets = [changed for packet in packets for changed in filter_.filter(packet)]
            container.mux(packets)
        content += part.getvalue()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("suffix", "codec", "aspects", "sizes"),
    [
        ("ts", "libx264", ["1", "16/11", "2"], [(64, 48), (93, 48), (128, 48)]),
        ("h264", "libx264", ["20/11", "1"], [(116, 48), (64, 48)]),
        ("ts", "mpeg2video", ["1", "4/3"], [(64, 48), (85, 48)]),  # 4:3 and 16:9
    ],
)
def test_reader__follows_an_aspect_that_changes(
    suffix: str, codec: str, aspects: list[str], sizes: list[tuple[int, int]], tmp_path: Path
):
    clip = _joined(tmp_path / f"a.{suffix}", codec, [{"aspect": Fraction(aspect)} for aspect in aspects])
    with VideoReader(clip) as video:
        shapes = [frame.rgb.shape[1::-1] for frame in video if frame.rgb is not None]
    assert shapes == [size for size in sizes for _ in range(12)]


def test_reader__keeps_the_aspect_that_a_container_states(tmp_path: Path):
    clip = _clip(tmp_path / "a.mp4", aspect=Fraction(2))
    content = clip.read_bytes()
    stated = b"pasp" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big")
    assert stated in content
    clip.write_bytes(content.replace(stated, b"pasp" + (3).to_bytes(4, "big") + (1).to_bytes(4, "big")))
    assert _first(clip).shape == (48, 192, 3)  # the frames state 2


def test_reader__follows_a_mirror_that_changes(tmp_path: Path):
    clip = _joined(tmp_path / "a.h264", "libx264", [{}, {"flip": "vertical"}, {"flip": "horizontal"}, {}])
    with VideoReader(clip) as video:
        frames = [frame.rgb for frame in video if frame.rgb is not None]
    corners = {"top left": (8, 8), "bottom left": (-8, 8), "top right": (8, -8)}
    red = [name for rgb in frames for name, (row, column) in corners.items() if rgb[row, column, 1] < 60]
    expected = ["top left", "bottom left", "top right", "top left"]
    assert red == [corner for corner in expected for _ in range(12)]


@pytest.mark.parametrize("behind", [b"\0", b"\r\n", b"made by a program", b";;", b"GIF89a" * 100])
def test_reader__takes_a_gif_with_bytes_behind_its_end(behind: bytes, tmp_path: Path):
    clip = _held(tmp_path / "a.gif", 4.0)
    content = clip.read_bytes()
    clip.write_bytes(content + behind)
    with VideoReader(clip) as video:
        assert len(list(video)) == 3
    assert video.broken is None


@pytest.mark.parametrize("missing", [1, 2, 30])
def test_reader__does_not_take_pixels_for_the_end_of_a_gif(missing: int, tmp_path: Path):
    clip = _held(tmp_path / "a.gif", 4.0)
    content = clip.read_bytes()[:-missing]
    clip.write_bytes(content[:-1] + b";" if missing == 30 else content)  # the byte of the trailer, in the pixels
    with VideoReader(clip) as video:
        assert list(video)
    assert video.broken is not None


@pytest.mark.parametrize("suffix", ["mjpeg", "avi", "mov"])
@pytest.mark.parametrize("orientation", [1, 5, 6])
def test_reader__reads_motion_jpeg_whose_pictures_have_exif(orientation: int, suffix: str, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pictures = io.BytesIO()
    for _ in range(3):
        Image.fromarray(_marked()).save(pictures, "JPEG", quality=95, subsampling=0, exif=exif.tobytes())
    path = tmp_path / f"a.{suffix}"
    if suffix == "mjpeg":
        path.write_bytes(pictures.getvalue())
    else:
        with av.open(io.BytesIO(pictures.getvalue()), format="mjpeg") as source, av.open(str(path), "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
    with VideoReader(path) as video:
        frames = [frame.rgb for frame in video]
    assert len(frames) == 3
    # orientation 5 exchanges rows and columns, 6 turns clockwise
    shape, row, column = {1: ((48, 64, 3), 8, 8), 5: ((64, 48, 3), 8, 8), 6: ((64, 48, 3), 8, 40)}[orientation]
    for rgb in frames:
        assert rgb is not None
        assert rgb.shape == shape
        assert rgb[row, column, 0] > 200
        assert rgb[row, column, 1] < 60


@pytest.mark.parametrize("turned", [False, True])
def test_reader__survives_a_png_with_a_colour_profile(turned: bool, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(_marked()).save(tmp_path / "a.png", exif=exif, icc_profile=profile)
    (tmp_path / "a.png").rename(tmp_path / "a.mp4")
    program = (
        "import gc, sys, pathlib; from fercli.media.video import VideoReader\n"
        "with VideoReader(pathlib.Path(sys.argv[1])) as video: shapes = [frame.rgb.shape for frame in video]\n"
        "gc.collect(); print(shapes)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.mp4")], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout.decode().strip() == ("[(64, 48, 3)]" if turned else "[(48, 64, 3)]")


def _held_clip(path: Path, codec: str, seconds: int) -> Path:
    """Five frames of 0.2 s, the last one held for some seconds."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=5)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        packets = []
        for number in range(5):
            rgb = noise.integers(0, 255, (48, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 5)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            packet.duration = round((Fraction(1, 5) if packet is not packets[-1] else seconds) / packet.time_base)
            container.mux(packet)
    return path


@pytest.mark.parametrize(("suffix", "codec"), [("avi", "mjpeg"), ("flv", "flv1"), ("wmv", "wmv2")])
def test_reader__holds_the_last_frame_of_a_complete_file(suffix: str, codec: str, tmp_path: Path):
    path = _held_clip(tmp_path / f"a.{suffix}", codec, seconds=7)
    with VideoReader(path) as video:
        frames = list(video)
    assert len(frames) == 5
    assert video.broken is None
    assert frames[-1].time_s + (frames[-1].duration_s or 0) == pytest.approx(7.8, abs=0.21)
    path.write_bytes(path.read_bytes()[:-2000])
    with VideoReader(path) as video:
        assert len(list(video)) <= 5  # of an AVI file, the index is missing
    assert video.broken is not None


def test_reader__reads_a_multipart_file_of_a_camera_to_its_end(tmp_path: Path):
    picture = io.BytesIO()
    Image.fromarray(_marked()).save(picture, "JPEG", quality=95)
    part = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture.getvalue()) + picture.getvalue()
    path = tmp_path / "a.mjpeg"
    path.write_bytes(b"--ffmpeg\r\n" + b"\r\n--ffmpeg\r\n".join([part] * 4) + b"\r\n--ffmpeg\r\n")
    with VideoReader(path) as video:
        assert len(list(video)) == 4
    assert video.broken is None
