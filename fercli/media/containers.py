"""Open media containers: a file without following its name or its content elsewhere, an address within its protocols."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import av

from fercli.media.addresses import encoded

# Titles in a file may be in any encoding. PyAV up to 18 raises for those that are not UTF-8 by default;
# PyAV 19 always replaces them and has no such option.
_OPEN: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
_TIMEOUTS_S = (20.0, 20.0)  # of addresses: to open, and between two packets
# Formats of FFmpeg that read other files, addresses or devices that the file or its name states.
_REFERRING = frozenset(
    (
        *("concat", "hls", "dash", "webm_dash_manifest", "imf", "image2", "image2pipe", "svg_pipe", "vobsub"),
        *("avisynth", "vapoursynth", "lavfi", "sdp", "sap", "rtp", "rtsp", "libopenmpt", "libgme", "tty"),
        *("alsa", "oss", "fbdev", "kmsgrab", "x11grab", "xcbgrab", "video4linux2", "v4l2", "video4linux2,v4l2"),
        *("jack", "pulse", "sndio", "dshow", "gdigrab", "vfwcap", "avfoundation", "dvdvideo", "decklink"),
    )
)
_STREAMED = ("hls", "dash", "rtsp", "rtp", "sdp")  # those of them that an address may be
_PROTOCOLS = "http,https,httpproxy,crypto,tcp,tls,udp,rtp,rtsp,rtsps,rtmp,rtmps,srt"  # never file
_LISTS = (b"ffconcat", b"#EXTM3U", b"<?xml", b"<MPD", b"[playlist]", b"v=0\r\n", b"v=0\n")


def open_file(path: Path, **options: str) -> Any:
    """Open a media file. Whatever its name or content is, no other file and no address is opened.

    options: of FFmpeg's demuxer. Raises: av.FFmpegError, OSError or ValueError if it is not a media file.
    """
    safe = {"protocol_whitelist": "file", "format_whitelist": _format_whitelist()}
    return av.open(f"file:{os.path.abspath(path)}", options={**options, **safe}, **_OPEN)  # noqa: PTH100 - links stay


def open_address(address: str) -> Any:
    """Open a network address. A playlist there may refer to other addresses, but not to files of this computer.

    Raises: av.FFmpegError, OSError or ValueError if it cannot be opened.
    """
    options = {"protocol_whitelist": _PROTOCOLS, "format_whitelist": _format_whitelist(_STREAMED)}
    if address[:5].lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # a lost UDP packet would damage the picture
    return av.open(encoded(address), timeout=_TIMEOUTS_S, options=options, **_OPEN)


def is_list(path: Path) -> bool:
    """Whether a file begins like a playlist or script, which names other files instead of containing a video."""
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_LISTS)


@functools.cache
def _format_whitelist(also: tuple[str, ...] = ()) -> str:
    """FFmpeg's names of the formats that may be read."""
    return ",".join(sorted(name for name in av.formats_available if name not in _REFERRING or name in also))
