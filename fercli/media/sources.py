"""What a user names (files, folders, globs, addresses, cameras) in, pictures and videos out; what is missing stays in."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from fercli.media.images import IMAGE_SUFFIXES, files_below, is_animated, is_picture, reason_of
from fercli.media.video import VIDEO_SUFFIXES

_GLOB_SIGNS = frozenset("*?[")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_CAMERA_FILE = re.compile(r"/dev/video(\d+)")
_LIVE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp")
_LIVE_SUFFIXES = (".mjpg", ".mjpeg")  # cameras that a browser can show
SCHEMES = ("http", "https", *_LIVE_SCHEMES)


@dataclass(frozen=True)
class Source:
    """One picture or video: a file, an address on the network, or a camera.

    path: the file; for what is none, a name that no other source has. relative: its place below the folder that was
    named, its file name if it was named itself; where a copy of it goes. fault: why there is nothing to open, None if
    there may be. address: where it is on the network, or the number of a camera; None for files. endless: somebody
    said that it goes on until it is ended, where the address does not tell.
    """

    path: Path
    kind: Literal["image", "video"]
    relative: Path
    fault: str | None = None
    address: str | int | None = None
    endless: bool = False

    @property
    def name(self) -> str:
        """What results and messages call it: no user name and no password of an address."""
        if isinstance(self.address, int):
            return f"camera {self.address}"
        return str(self.path) if self.address is None else without_login(self.address)

    @property
    def real_path(self) -> Path:
        """The file in full, links followed as far as they lead somewhere."""
        return Path(os.path.realpath(self.path))

    @property
    def is_live(self) -> bool:
        """Whether it goes on until somebody ends it: a camera, or an address that streams."""
        if not isinstance(self.address, str):
            return self.address is not None
        parts = urlsplit(self.address)
        return self.endless or parts.scheme.lower() in _LIVE_SCHEMES or parts.path.lower().endswith(_LIVE_SUFFIXES)


def find_sources(arguments: Sequence[str], *, passed: Callable[[Path], None] | None = None) -> list[Source]:
    """Expand files, folders (at any depth), globs, addresses and numbers of cameras in order, every one once.

    A file goes before a camera of that name. A name that leads to nothing becomes a source with a fault, so that the
    others can still be read. passed: told of every file in a folder that is neither picture nor video by its suffix.
    """
    sources: dict[Path | str | int, Source] = {}
    for argument in arguments:
        try:
            found = list(_expand(argument, passed))
        except OSError as error:
            found = [_closed(Path(argument), error)]
        for source in found:
            sources.setdefault(source.real_path if source.address is None else source.address, source)
    return list(sources.values())


def without_login(address: str) -> str:
    """An address without user name and password, as may be shown and written."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _expand(argument: str, passed: Callable[[Path], None] | None) -> Iterator[Source]:
    if _ADDRESS.match(argument):
        yield _at(argument)
        return
    path = Path(argument)
    if path.is_dir():
        yield from _below(path, passed)
    elif argument.isdecimal() and not path.exists():
        yield _camera(int(argument))
    elif device := _CAMERA_FILE.fullmatch(argument):
        yield _camera(int(device[1]))
    elif path.exists() or not _GLOB_SIGNS & set(argument):
        yield _one(path, Path(path.name))
    else:
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        if not matches:
            yield Source(path, "image", path, fault="no file matches")
        for match in matches:
            yield from _below(match, passed) if match.is_dir() else (_one(match, Path(match.name)),)


def _camera(number: int) -> Source:
    path = Path(f"camera-{number}")
    return Source(path, "video", path, address=number)


def _at(address: str) -> Source:
    parts = urlsplit(address)
    scheme = parts.scheme.lower()
    shown = Path(without_login(address))
    if scheme == "file":
        path = Path(unquote(parts.path))
        return _one(path, Path(path.name))
    if scheme not in SCHEMES:
        why = f"{scheme} addresses are not read, only {', '.join(SCHEMES)}"
        return Source(shown, "video", shown, fault=why, address=address)
    last = Path(re.sub(r"[^\w.-]+", "_", unquote(parts.path).rpartition("/")[2]) or parts.hostname or "stream")
    is_image = scheme in ("http", "https") and last.suffix.lower() in IMAGE_SUFFIXES
    return Source(shown, "image" if is_image else "video", last, address=address)


def _below(folder: Path, passed: Callable[[Path], None] | None) -> Iterator[Source]:
    closed: list[OSError] = []
    suffixes = IMAGE_SUFFIXES + VIDEO_SUFFIXES
    files = files_below(folder, suffixes, closed=closed.append, passed=passed)
    for error in closed:
        yield _closed(Path(error.filename), error)
    if not files and not closed:
        yield Source(folder, "image", folder, fault="the folder has no pictures or videos")
    for file in files:
        yield _one(file, file.relative_to(folder))


def _one(path: Path, relative: Path) -> Source:
    try:
        if path.is_file():
            return Source(path, "video" if _is_video(path) else "image", relative)
        fault = "neither a file nor a folder" if path.exists() else "no such file or folder"
        return Source(path, "video" if path.suffix.lower() in VIDEO_SUFFIXES else "image", relative, fault)
    except OSError as error:
        return _closed(path, error)


def _is_video(path: Path) -> bool:
    """What a file is by its suffix; with a suffix that says nothing, it is a picture or must be a video."""
    suffix = path.suffix.lower()
    if suffix == ".gif":
        return is_animated(path)
    if suffix in VIDEO_SUFFIXES or suffix in IMAGE_SUFFIXES:
        return suffix in VIDEO_SUFFIXES
    return path.stat().st_size > 0 and not is_picture(path)


def _closed(path: Path, error: OSError) -> Source:
    """What the system refuses to look at: a closed folder, a name that is too long."""
    return Source(path, "image", Path(path.name), fault=reason_of(error))
