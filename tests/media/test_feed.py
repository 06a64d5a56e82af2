"""Reading sources in order: a fault in one does not affect the others; the number of remaining sources."""

from __future__ import annotations

import shutil
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fercli.media import counts
from fercli.media.feed import Item, feed, in_chunks
from fercli.media.images import write_image
from fercli.media.selection import EVERY_FRAME, FrameSelection
from fercli.media.sources import Source, find_sources
from fercli.media.video import Frame
from fercli.media.video_writer import VideoWriter
from fercli.system.stopwatch import Stopwatch


@pytest.fixture(autouse=True)
def _counts_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait until all is counted, however busy the machine is."""
    monkeypatch.setattr(counts, "_WAIT_S", 300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture, and a clip of five frames."""
    write_image(tmp_path / "a.png", np.full((30, 40, 3), 200, np.uint8))
    with VideoWriter(tmp_path / "b.mp4") as writer:
        for number in range(5):
            writer.write(np.full((48, 64, 3), 40 * number, np.uint8), number / 10)
    return tmp_path


def test_feed__reports_what_was_deleted_in_between_and_continues(folder: Path):
    for name in ("c.png", "d.mp4"):
        shutil.copy(folder / ("a.png" if name == "c.png" else "b.mp4"), folder / name)
    found = find_sources([str(folder / name) for name in ("c.png", "d.mp4", "a.png")])
    (folder / "c.png").unlink()
    (folder / "d.mp4").unlink()
    faults = [item.fault for item in feed(found)]
    assert faults == ["no such file or directory", "no such file or directory", None]


def test_feed__continues_after_an_animated_gif_that_is_deleted_while_it_is_read(folder: Path):
    frames = [Image.new("L", (64, 64), value) for value in (0, 90, 200)]
    frames[0].save(folder / "0.gif", save_all=True, append_images=frames[1:], duration=100)
    items = feed(find_sources([str(folder / "0.gif"), str(folder / "a.png")]))
    read = [next(items)]
    (folder / "0.gif").unlink()
    read += items
    assert [(item.source.path.name, item.frame, item.fault) for item in read] == [
        ("0.gif", 0, None),
        ("0.gif", 1, None),
        ("0.gif", 2, None),
        ("a.png", None, None),
    ]


def test_feed__reports_what_may_not_be_read_and_continues(folder: Path, monkeypatch: pytest.MonkeyPatch):
    usual_image, usual_video = Image.open, av.open

    def refused(usual: Any) -> Any:
        def opened(place: Any, *rest: Any, **options: Any) -> Any:
            if "locked" in str(place):
                raise PermissionError(13, "Permission denied")
            return usual(place, *rest, **options)

        return opened

    for name in ("locked.png", "locked.mp4"):
        shutil.copy(folder / ("a.png" if name.endswith("png") else "b.mp4"), folder / name)
    monkeypatch.setattr(Image, "open", refused(usual_image))
    monkeypatch.setattr(av, "open", refused(usual_video))
    items = list(feed(find_sources([str(folder)])))
    assert {item.source.path.name: item.fault for item in items if item.fault} == {
        "locked.png": "permission denied",
        "locked.mp4": "permission denied",
    }
    assert sum(item.rgb is not None for item in items) == 6


def test_feed__reports_that_a_picture_is_a_video(folder: Path):
    (folder / "b.mp4").rename(folder / "b.jpg")
    (item,) = feed(find_sources([str(folder / "b.jpg")]))
    assert item.fault == "a video, not a picture, despite its suffix .jpg"


def test_feed__counts_the_remaining_sources(folder: Path):
    shutil.copy(folder / "b.mp4", folder / "c.mp4")
    assert [item.left for item in feed(find_sources([str(folder)]))] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def totals(*paths: Path, selection: FrameSelection = EVERY_FRAME) -> set[int | None]:
    """The totals that a progress line would show: what is done and what is left, item by item."""
    sources = [replace(source, selection=selection) for source in find_sources([str(path) for path in paths])]
    items = list(feed(sources))
    assert items[-1].left == 0
    return {None if item.left is None else number + item.left for number, item in enumerate(items, start=1)}


def test_feed__has_one_total_from_the_first_item_to_the_last(folder: Path):
    # a short video of many bytes and a long one of few: their sizes say nothing about their frames
    noise = np.random.default_rng(0)
    with VideoWriter(folder / "c.mkv") as writer:  # whose header does not count frames
        for number in range(30):
            writer.write(np.full((48, 64, 3), 4 * number, np.uint8), number / 10)
    with VideoWriter(folder / "d.mp4") as writer:
        for number in range(4):
            writer.write(noise.integers(0, 255, (480, 640, 3), dtype=np.uint8), number / 10)
    frames = [Image.new("RGB", (64, 64), (value, 0, 0)) for value in (0, 90, 200)]
    frames[0].save(folder / "e.webp", save_all=True, append_images=frames[1:], duration=100)
    frames[0].save(folder / "f.gif", save_all=True, append_images=frames[1:], duration=100)
    (folder / "g.mp4").write_bytes(b"no video")
    assert totals(folder) == {1 + 5 + 30 + 4 + 3 + 3 + 1}


def test_feed__counts_the_frames_of_a_part(folder: Path):
    assert totals(folder / "b.mp4", folder / "a.png", selection=FrameSelection(start_s=0.2)) == {3 + 1}
    assert totals(folder / "b.mp4", selection=FrameSelection(fps=5)) == {3}  # 10 a second: 0, 0.2 and 0.4 s


def test_feed__reads_while_a_large_folder_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch):
    counted = threading.Event()

    def slow(source: Source) -> int:
        counted.wait(300)
        return 5

    monkeypatch.setattr(counts, "_WAIT_S", 0.05)
    monkeypatch.setattr(counts, "count_items", slow)
    items = feed(find_sources([str(folder / "b.mp4")]))
    assert next(items).left is None
    counted.set()
    deadline = time.monotonic() + 300
    while (left := next(items).left) is None and time.monotonic() < deadline:
        time.sleep(0.01)
        items = feed(find_sources([str(folder / "b.mp4")]))
    assert left is not None


def test_chunks__are_few_pixels_and_single_frames_of_what_is_live():
    still, live = Source(Path("a"), "image", Path("a")), Source(Path("c"), "video", Path("c"), address=0)
    small, large = np.zeros((10, 10, 3), np.uint8), np.zeros((3000, 5000, 3), np.uint8)
    items = [Item(still, small)] * 20 + [Item(still, large)] * 3 + [Item(live, small, frame=0)] * 2
    assert [len(chunk) for chunk in in_chunks(items, Stopwatch(), threads=2)] == [16, 5, 2, 1, 1]
    assert [len(chunk) for chunk in in_chunks(items, Stopwatch(), threads=1)] == [16, 5, 1, 1, 1, 1]
    assert [len(chunk) for chunk in in_chunks(items, Stopwatch(), threads=8)] == [16, 6, 2, 1]
    full_hd = [Item(still, np.zeros((1080, 1920, 3), np.uint8))] * 12  # 6 MB each, in three chunks at a time
    assert [len(chunk) for chunk in in_chunks(full_hd, Stopwatch(), threads=2)] == [2] * 6
    assert [len(chunk) for chunk in in_chunks(full_hd, Stopwatch(), threads=8)] == [8, 4]


def test_feed__reads_a_stream_as_it_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fercli.media.latest_frames._LATE_S", 600)  # however busy the machine is
    with av.open(str(tmp_path / "a.ts"), "w", format="mpegts") as out:
        stream = out.add_stream("libx264", rate=10, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * number, np.uint8), format="rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall((tmp_path / "a.ts").read_bytes())

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        (source,) = find_sources([f"tcp://127.0.0.1:{server.server_address[1]}"])
        items = list(feed([source]))
    frames = [item for item in items if item.rgb is not None]
    assert len(frames) == 20
    np.testing.assert_allclose([frame.time_s or 0 for frame in frames], np.arange(20) / 10, atol=1e-3)
    assert source.is_live
    assert {item.left for item in items} == {None}


def test_feed__counts_the_skipped_frames_of_a_stream(monkeypatch: pytest.MonkeyPatch):
    class Stream:
        """The first frame, nine more when it has been read, and the eleventh on request."""

        frames, broken = None, "cut off after 1.0 s"
        begun, waiting, last = threading.Event(), threading.Event(), threading.Event()

        def __enter__(self) -> Stream:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Iterator[Frame]:
            for number in range(11):
                if number == 1:
                    self.begun.wait(300)
                if number == 10:
                    self.waiting.set()
                    self.last.wait(300)
                yield Frame(number, number / 10, np.zeros((4, 4, 3), np.uint8))

    monkeypatch.setattr("fercli.media.feed.open_video", lambda source: Stream())
    items = feed([Source(Path("rtsp"), "video", Path("rtsp"), address="rtsp://door")])
    first = next(items)
    Stream.begun.set()
    assert Stream.waiting.wait(300)
    time.sleep(1)  # the others have waited for too long by now
    Stream.last.set()
    *frames, end = items
    numbers = [item.frame for item in (first, *frames)]
    assert numbers in ([0, 10], [0, 9, 10])  # the tenth, if the last had not come yet
    skipped = 11 - len(numbers)
    assert end.fault == f"cut off after 1.0 s; {skipped} of 11 frames skipped to keep up"
    assert {item.left for item in (first, *frames, end)} == {None}
