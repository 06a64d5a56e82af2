"""Read the frames of animated pictures: WebP, PNG, AVIF, and GIF from an address."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from fercli.errors import DataError
from fercli.formatting import pluralize
from fercli.media.frames import Frame
from fercli.media.images import picture_errors, upright_rgb
from fercli.media.picture_files import ANIMATED_FORMATS, check_size, head_of, open_picture
from fercli.media.selection import EVERY_FRAME, FrameChooser, FrameSelection

ANIMATED_SUFFIXES = (".webp", ".png", ".apng", ".avif")  # of animated pictures; .gif files are read as videos
_GIF = b"GIF8"
_DEFAULT_MS = 100  # of a frame without a duration, as browsers show it


def count_frames(path: Path) -> int:
    """Return the number of frames of an animated picture; 1 for any other file."""
    try:
        with picture_errors(path), open_picture(path) as picture:
            return int(getattr(picture, "n_frames", 1)) if picture.format in ANIMATED_FORMATS else 1
    except DataError:
        return 1  # the error comes when it is read


def is_animation(path: Path, content: bytes | None = None) -> bool:
    """Whether a picture has several frames, whatever its suffix. content: the bytes of the file, if they were read already."""
    file = path if content is None else io.BytesIO(content)
    try:
        if not _may_be_animated(head_of(file, 12)):
            return False
        with picture_errors(path), open_picture(file) as picture:
            return picture.format in ANIMATED_FORMATS and int(getattr(picture, "n_frames", 1)) > 1
    except (DataError, OSError):
        return False  # the error comes when it is read


def is_other_than_gif(path: Path) -> bool:
    """Whether a file is an animated picture of a format that FFmpeg does not read with all its frames."""
    try:
        return head_of(path, 4) != _GIF and is_animation(path)
    except OSError:
        return False


def _may_be_animated(head: bytes) -> bool:
    """Whether a file is a GIF, PNG, WebP or AVIF. head: its first 12 bytes."""
    is_webp = head[:4] == b"RIFF" and head[8:] == b"WEBP"
    return is_webp or head.startswith((_GIF, b"\x89PNG")) or head[4:] in (b"ftypavif", b"ftypavis")


class AnimationReader:
    """Iterates over the frames of an animated picture, as VideoReader does over those of a video."""

    def __init__(
        self, path: Path, content: bytes | None = None, *, name: str, selection: FrameSelection = EVERY_FRAME
    ) -> None:
        self.name, self._path, self._selection = name, path, selection
        self.broken: str | None = None
        with picture_errors(path):
            self._picture = open_picture(path if content is None else io.BytesIO(content))
            self._count = int(getattr(self._picture, "n_frames", 1))
        self.note: str | None = self._picture.info.get("fault")
        self.frames: int | None = self._count

    def __enter__(self) -> AnimationReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._picture.close()

    def __iter__(self) -> Iterator[Frame]:
        chooser, time_s, index, chosen = FrameChooser(self._selection), 0.0, 0, 0
        try:
            while index < self._count and not self._selection.ends_before(time_s):
                with picture_errors(self._path):
                    self._picture.seek(index)
                    check_size(*self._picture.size)  # a frame may enlarge a GIF
                    self._picture.load()
                    duration_s = float(self._picture.info.get("duration") or _DEFAULT_MS) / 1000
                    rgb = upright_rgb(self._picture.copy()) if chooser.takes(time_s) else None
                if rgb is not None:
                    chosen += 1
                    yield Frame(index, time_s, rgb, duration_s=duration_s)
                time_s, index = time_s + duration_s, index + 1
        except DataError:
            if index == 0:
                raise
            self.broken = f"cut off after {time_s:.1f} s; {pluralize(index, 'frame')} read"
        if chosen == 0:
            raise DataError(f"{self.name}: no frame to read ({self._selection})", fix="choose another part")
