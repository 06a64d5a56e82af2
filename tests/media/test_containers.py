"""Containers are opened without following names or contents to other files and addresses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.media.containers import open_address, open_file
from fercli.media.sources import find_sources
from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter

NAMES = (
    *("12:30.mp4", "meeting-2024-05-01T12:30:05.mp4", "concat:a.mp4|b.mp4", "subfile,,start,0,end,10,,:a.mp4"),
    *("http:/127.0.0.1:9/a.mp4", "tcp:/127.0.0.1:9/a.mp4", "pipe:0.mp4", "file:a.mp4", "data:,a.mp4", "a%03d.mp4"),
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with VideoWriter(path) as writer:
        for number in range(4):
            writer.write(np.full((48, 64, 3), 60 * number, np.uint8), number / 25)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_file__is_read_whatever_its_name_looks_like(
    name: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(clip, name)
    with VideoReader(Path(name)) as video:
        assert len(list(video)) == 4
    (source,) = find_sources([str(tmp_path)])
    assert source.address is None
    assert source.path.is_file()


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile 'clip.mp4'\n",
        "\ufeffffconcat version 1.0\nfile 'clip.mp4'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nclip.mp4\n#EXT-X-ENDLIST\n",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>clip.mp4</BaseURL></MPD>',
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mjpeg"])
def test_list_of_files__is_refused_and_not_followed(text: str, suffix: str, clip: Path, tmp_path: Path):
    shutil.copy(clip, tmp_path / "clip.mp4")
    path = tmp_path / f"list{suffix}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="a list of other files, not a video"):
        VideoReader(path)


def test_link__is_followed(clip: Path, tmp_path: Path):
    (tmp_path / "link.mp4").symlink_to(clip)
    with VideoReader(tmp_path / "link.mp4") as video:
        assert len(list(video)) == 4


def test_file__with_a_name_that_is_not_utf8(clip: Path, tmp_path: Path):
    path = tmp_path / os.fsdecode(b"\xff\xfe.mp4")
    shutil.copy(clip, path)
    with open_file(path) as container:
        assert container.format.name.startswith("mov")


def test_address__that_leads_to_a_playlist_of_local_files__opens_none(clip: Path, file_server):
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{clip}\n#EXT-X-ENDLIST\n"
    address = file_server.serve("/list.m3u8", playlist.encode())
    with pytest.raises((OSError, ValueError)), open_address(address) as container:
        next(container.decode(video=0))
    assert [path for path, _ in file_server.asked] != []


def test_address__of_a_video__is_read(clip: Path, file_server):
    with open_address(file_server.serve("/a.mp4", clip.read_bytes())) as container:
        assert len(list(container.decode(video=0))) == 4
