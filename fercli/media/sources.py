"""Expand what a user names (files, folders, globs, addresses, cameras) into pictures and videos."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from fercli.media.addresses import LIVE_SCHEMES, address_error, is_address, path_of, scheme_of, without_login
from fercli.media.frames import VIDEO_SUFFIXES
from fercli.media.images import IMAGE_SUFFIXES, files_below, is_animated, is_picture, reason_of
from fercli.media.selection import EVERY_FRAME, FrameSelection
from fercli.system.names import LONG_PATHS, is_too_long

_WILDCARDS = frozenset("*?[")
_CAMERA_FILE = re.compile(r"/dev/video(\d{1,4})")
_CAMERA = re.compile(r"\d{1,4}", re.ASCII)
_LIVE_SUFFIXES = (".mjpg", ".mjpeg")  # network cameras that stream JPEG pictures


@dataclass(frozen=True)
class Source:
    """One picture or video: a file, a network address, or a camera.

    path: the file; a unique name for an address or a camera. relative: path below the folder the user named, or the file
    name if the user named the file; copies are written there. fault: why it cannot be opened, None if it may.
    address: network address, or the number of a camera; None for files. endless: the user stated that a network video is
    a live stream, although its address does not show it. selection: the frames of a video that are read. number: 1, and
    counted up where the same name is given again. reconnect_s: how long a live source that broke
    off is opened again. alias: what replaces the name in results, None for the name itself.
    """

    path: Path
    kind: Literal["image", "video"]
    relative: Path
    fault: str | None = None
    address: str | int | None = None
    endless: bool = False
    selection: FrameSelection = EVERY_FRAME
    number: int = 1
    alias: str | None = None
    reconnect_s: float | None = None

    @property
    def name(self) -> str:
        """Name in results and messages: the alias, else the path, or an address without user name and password."""
        if self.alias is not None:
            return self.alias
        if isinstance(self.address, int):
            return f"camera {self.address}"
        return str(self.path) if self.address is None else without_login(self.address)

    @property
    def key(self) -> str:
        """What no other source of a run has: the alias, else the absolute path, links not resolved, and the number."""
        if self.alias is not None:
            return self.alias
        name = os.path.abspath(self.path) if self.address is None else self.name  # noqa: PTH100 - resolve() follows links
        return name if self.number == 1 else f"{name} ({self.number})"

    @property
    def real_path(self) -> Path:
        """Absolute path of the file, with symbolic links resolved."""
        return Path(os.path.realpath(self.path))

    @property
    def is_live(self) -> bool:
        """Whether it has no end: a camera, or the address of a live stream."""
        if not isinstance(self.address, str):
            return self.address is not None
        is_stream = scheme_of(self.address) in LIVE_SCHEMES or path_of(self.address).lower().endswith(_LIVE_SUFFIXES)
        return self.endless or is_stream


def find_sources(arguments: Sequence[str], *, on_skipped: Callable[[Path], None] | None = None) -> list[Source]:
    """Expand files, folders (at any depth), globs, addresses and camera numbers in order.

    Every name has its own source: links to one file, and a file that is named again, are read again.
    A file takes precedence over a camera of the same name. A name that matches nothing becomes a source with a fault, so
    that the others are still read. on_skipped: called for every file in a folder that has no picture or video suffix.
    """
    sources: list[Source] = []
    times_named: Counter[str] = Counter()
    for argument in arguments:
        try:
            expanded = list(_expand(argument, on_skipped))
        except OSError as error:
            expanded = [_inaccessible(Path(argument), error)]
        for source in expanded:
            times_named[source.key] += 1
            sources.append(replace(source, number=times_named[source.key]))
    return sources


def _expand(argument: str, on_skipped: Callable[[Path], None] | None) -> Iterator[Source]:
    if is_address(argument):
        yield _from_address(argument)
        return
    path = Path(argument)
    if not argument:
        yield Source(path, "image", path, fault="the name is empty")
    elif path.is_dir():
        yield from _from_folder(path, on_skipped)
    elif _CAMERA.fullmatch(argument) and not path.exists():
        yield _camera(int(argument))
    elif device := _CAMERA_FILE.fullmatch(argument):
        yield _camera(int(device[1]))
    elif path.exists() or not _WILDCARDS & set(argument):
        yield _from_file(path, Path(path.name))
    else:
        try:
            matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        except ValueError as error:  # such as a**
            yield Source(path, "image", path, fault=str(error)[0].lower() + str(error)[1:])
            return
        if not matches:
            yield Source(path, "image", path, fault="no file matches")
        for match in matches:
            yield from (_from_folder(match, on_skipped) if match.is_dir() else (_from_file(match, Path(match.name)),))


def _camera(number: int) -> Source:
    path = Path(f"camera-{number}")
    return Source(path, "video", path, address=number)


def _from_address(address: str) -> Source:
    scheme, shown = scheme_of(address), Path(without_login(address))
    if scheme == "file":
        path = Path(path_of(address))
        return _from_file(path, Path(path.name))
    if (fault := address_error(address)) is not None:
        return Source(shown, "video", shown, fault=fault, address=address)
    last = Path(re.sub(r"[^\w.-]+", "_", path_of(address).rpartition("/")[2]) or _host(address) or "stream")
    is_image = scheme in ("http", "https") and last.suffix.lower() in IMAGE_SUFFIXES
    return Source(shown, "image" if is_image else "video", last, address=address)


def _host(address: str) -> str | None:
    return urlsplit(address).hostname


def _from_folder(folder: Path, on_skipped: Callable[[Path], None] | None) -> Iterator[Source]:
    errors: list[OSError] = []
    suffixes = IMAGE_SUFFIXES + VIDEO_SUFFIXES
    files = files_below(folder, suffixes, on_unreadable=errors.append, on_skipped=on_skipped)
    for error in errors:
        yield _inaccessible(Path(error.filename), error)
    if not files and not errors:
        yield Source(folder, "image", folder, fault="the folder has no pictures or videos")
    for file in files:
        yield _from_file(file, file.relative_to(folder))


def _from_file(path: Path, relative: Path) -> Source:
    try:
        if path.is_file():
            return Source(path, "video" if _is_video(path) else "image", relative)
        fault = "neither a file nor a folder" if path.exists() else "no such file or folder"
        if is_too_long(path):
            fault = f"{fault}: {LONG_PATHS}"
        return Source(path, "video" if path.suffix.lower() in VIDEO_SUFFIXES else "image", relative, fault)
    except OSError as error:
        return _inaccessible(path, error)


def _is_video(path: Path) -> bool:
    """Whether a file is a video, by its suffix; with an unknown suffix, anything that does not start like a picture."""
    suffix = path.suffix.lower()
    if suffix == ".gif":
        return is_animated(path)
    if suffix in VIDEO_SUFFIXES or suffix in IMAGE_SUFFIXES:
        return suffix in VIDEO_SUFFIXES
    return path.stat().st_size > 0 and not is_picture(path)


def _inaccessible(path: Path, error: OSError) -> Source:
    """A source that the operating system cannot access: a folder without permission, a name that is too long."""
    return Source(path, "image", Path(path.name), fault=reason_of(error))
