"""Parts of videos and fewer frames a second: the right frames, with the numbers and times of a full read."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fercli.errors import DataError, UsageError
from fercli.media import video as video_module
from fercli.media.selection import FrameChooser, FrameSelection, parse_time
from fercli.media.video import Frame, VideoReader

UNEVEN = np.cumsum([0.0, *([0.02, 0.05, 0.033, 0.5, 0.01, 0.1, 0.04] * 12)]).round(3).tolist()  # s: 9 s, 85 frames
EVEN = [number / 25 for number in range(90)]  # 3.6 s


def _clip(path: Path, times: Sequence[float], *, codec: str = "libx264", **options: str) -> Path:
    """Write a clip whose frame `n` shows the number n as a bright column; a key frame every ten frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=25, options={"g": "10", **({"sc_threshold": "0"} if codec == "libx264" else {}), **options}
        )
        stream.width, stream.height, stream.pix_fmt = 192, 64, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000) if codec != "mpeg4" else Fraction(1, 25)
        for number, time_s in enumerate(times):
            rgb = np.full((64, 192, 3), 60, np.uint8)
            rgb[:, 2 * number : 2 * number + 2] = 255
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.time_base = stream.codec_context.time_base
            picture.pts = round(time_s / picture.time_base)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def _read(path: Path, *selection: Any) -> list[Frame]:
    with VideoReader(path, selection=FrameSelection(*selection)) as video:
        frames = list(video)
        assert video.broken is None
    return frames


@pytest.mark.parametrize(
    ("name", "times", "options"),
    [
        ("a.mp4", UNEVEN, {}),
        ("a.mp4", UNEVEN, {"bf": "0"}),
        ("a.mp4", UNEVEN, {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal"}),
        ("a.mov", UNEVEN, {"codec": "mjpeg"}),
        ("a.mkv", UNEVEN, {}),
        ("a.mkv", UNEVEN, {"x264-params": "open-gop=1:bframes=3"}),
        ("a.mkv", EVEN, {"codec": "mpeg4"}),
        ("a.webm", UNEVEN, {"codec": "libvpx-vp9", "cpu-used": "8", "deadline": "realtime"}),
        ("a.webm", UNEVEN, {"codec": "libvpx", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}),
        ("a.ts", EVEN, {}),
        ("a.avi", EVEN, {}),
        ("a.flv", UNEVEN, {}),
    ],
)
def test_part__has_the_frames_of_a_full_read(name: str, times: list[float], options: dict[str, str], tmp_path: Path):
    path = _clip(tmp_path / name, times, **options)
    full = _read(path)
    assert [frame.index for frame in full] == list(range(len(times)))
    for start_s, end_s in ((0.0, 0.7), (0.05, None), (1.3, 1.9), (2.41, 3.2), (3.3, None)):
        part = _read(path, start_s, end_s)
        expected = [frame for frame in full if frame.time_s >= start_s - 1e-3 and frame.time_s < (end_s or 99) - 1e-3]
        assert [frame.index for frame in part] == [frame.index for frame in expected]
        assert [frame.time_s for frame in part] == [frame.time_s for frame in expected]
        for one, other in zip(part, expected, strict=True):
            np.testing.assert_array_equal(one.rgb, other.rgb)
            assert int(one.rgb[32, :, 0].argmax()) // 2 == one.index  # the picture of that number


def test_fps__takes_the_first_frame_of_every_interval(tmp_path: Path):
    # times 0, .02, .07, .103, .603, .613, .713, .753 and so on: the intervals of 0.2 s that have a frame
    path = _clip(tmp_path / "a.mp4", UNEVEN[:15])
    assert UNEVEN[:9] == [0.0, 0.02, 0.07, 0.103, 0.603, 0.613, 0.713, 0.753, 0.773]
    assert [(frame.index, round(frame.time_s, 3)) for frame in _read(path, 0.0, 0.8, 5)] == [(0, 0.0), (4, 0.603)]
    # counted from --start: intervals .1 to .3, .5 to .7, .7 to .9
    assert [frame.index for frame in _read(path, 0.1, 0.8, 5)] == [3, 4, 6]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.flv"])  # times of MKV and FLV are rounded to milliseconds
def test_fps__of_a_thirty_a_second_clip(name: str, tmp_path: Path):
    path = _clip(tmp_path / name, [number / 30 for number in range(60)])
    assert [frame.index for frame in _read(path, 0.0, None, 10)] == list(range(0, 60, 3))
    assert [frame.index for frame in _read(path, 0.0, None, 30)] == list(range(60))
    assert [frame.index for frame in _read(path, 0.0, None, 1000)] == list(range(60))


def test_fps__takes_the_next_frame_where_one_is_lost():
    chooser = FrameChooser(FrameSelection(fps=5))
    taken = [
        chooser.takes(time_s, lost=lost) for time_s, lost in ((0, True), (0.04, False), (0.08, False), (0.2, False))
    ]
    assert taken == [True, True, False, True]


def test_reader__neither_decodes_nor_converts_what_is_not_selected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = _clip(tmp_path / "a.mp4", EVEN)
    converted: list[int] = []
    upright = video_module.display_rgb
    monkeypatch.setattr(
        video_module, "display_rgb", lambda picture, *how: converted.append(picture.pts) or upright(picture, *how)
    )
    with VideoReader(path, selection=FrameSelection(3.0, 3.4, 5)) as video:
        assert video.frames == 2
        assert video.decoded_from == 70  # the key frame before frame 75
        assert [frame.index for frame in video] == [75, 80]
    assert len(converted) == 2


def test_reader__reports_that_a_part_has_no_frame(tmp_path: Path):
    path = _clip(tmp_path / "a.mp4", EVEN)
    with pytest.raises(DataError, match=r"a\.mp4: no frame to read \(every frame from 0:05\.000\): it ends at 0:03\.6"):
        _read(path, 5.0)
    with pytest.raises(DataError, match=r"no frame to read \(every frame from 0:01\.010 to 0:01\.020\)"):
        _read(path, 1.01, 1.02)


def test_reader__reports_a_broken_end_only_if_it_is_selected(tmp_path: Path):
    path = _clip(tmp_path / "a.mkv", EVEN)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with VideoReader(path, selection=FrameSelection(0.0, 1.0)) as video:
        assert len(list(video)) == 25
        assert video.broken is None
    with VideoReader(path, selection=FrameSelection(1.0)) as video:
        last = list(video)[-1]
        assert video.broken is not None
        assert last.index == round(last.time_s * 25)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90.5", 90.5), (".5", 0.5), ("1:30", 90), ("75:00", 4500), ("1:02:03.25", 3723.25)],
)
def test_parse_time__reads_seconds_and_clock_times(text: str, seconds: float):
    assert parse_time(text, option="--start") == seconds


@pytest.mark.parametrize("text", ["", "abc", "-1", "1:75", "1:60:00", "1:2:3:4", "nan", "inf", "1e3", "1:", ":5"])
def test_parse_time__refuses_anything_else(text: str):
    with pytest.raises(UsageError, match=r"--end .*: not a time"):
        parse_time(text, option="--end")


@pytest.mark.parametrize("selection", [(-1.0,), (5.0, 5.0), (5.0, 4.0), (0.0, float("inf")), (float("nan"),)])
def test_selection__refuses_impossible_parts(selection: tuple[float, ...]):
    with pytest.raises(UsageError, match=r"start is|end is"):
        FrameSelection(*selection)


@pytest.mark.parametrize("fps", [0, -5, float("nan"), float("inf")])
def test_selection__refuses_impossible_rates(fps: float):
    with pytest.raises(UsageError, match="fps is"):
        FrameSelection(fps=fps)


@pytest.mark.parametrize(
    "selection",
    [
        FrameSelection(),
        FrameSelection(end_s=6),
        FrameSelection(2.5, 3661.125, 12.5),
        FrameSelection(fps=0.1),
        FrameSelection(10),
    ],
)
def test_selection__is_read_back_from_its_text(selection: FrameSelection):
    assert FrameSelection.parse(str(selection)) == selection


def test_selection__of_another_text_is_refused():
    with pytest.raises(UsageError, match="some frames: not a selection of frames"):
        FrameSelection.parse("some frames")
