"""Pictures and frames as Python programs hold them: arrays, PIL pictures, encoded bytes, paths. Everything else is refused."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from fercli.errors import DataError, UsageError
from fercli.media.feed import Item, feed
from fercli.media.images import Rgb, load_picture, picture_errors, read_rgb, upright_rgb
from fercli.media.selection import EVERY_FRAME, FrameChooser, FrameSelection
from fercli.media.sources import Source, find_sources
from fercli.predict.arguments import real_number
from fercli.predict.given_faces import FacesByFrame, with_given_faces

# RGB uint8 [H, W, 3]; the bytes of a picture file, or an open one; the path or address of a picture
Picture: TypeAlias = Rgb | Image.Image | bytes | bytearray | memoryview | IO[bytes] | str | os.PathLike[str]
Pixels: TypeAlias = Rgb | Image.Image
Frames: TypeAlias = Iterable[Pixels] | Iterable[tuple[float, Pixels]]  # frames alone, or each with its time in seconds

_LONGEST_PATH = 4096  # PATH_MAX of Linux; Windows allows 32,767 with a prefix, macOS 1,024
_PICTURES = "an array, a PIL picture, encoded bytes or a path"


def is_one_picture(given: object) -> bool:
    """Whether something is a single picture rather than several."""
    if isinstance(given, np.ndarray):
        return given.ndim < 4
    return isinstance(given, (Image.Image, bytes, bytearray, memoryview, str, os.PathLike)) or hasattr(given, "read")


def is_path(given: object) -> bool:
    """Whether something names a file or address. Raises: UsageError for a picture in a text."""
    if isinstance(given, str) and len(given) > _LONGEST_PATH and not given.startswith("data:"):
        raise UsageError(
            f"a text of {len(given):,} characters is neither a path nor an address",
            fix="base64.b64decode(text), as bytes, if it is an encoded picture",
        )
    if isinstance(given, str) and given.startswith("data:"):
        raise UsageError(
            "a data: URL is neither a path nor an address", fix="base64.b64decode(url.partition(',')[2]), as bytes"
        )
    return isinstance(given, (str, os.PathLike)) and not isinstance(os.fspath(given), bytes)


def check_pictures(given: object) -> None:
    """Raise UsageError unless something is a picture or can be iterated over."""
    if not is_one_picture(given) and not isinstance(given, Iterable):
        raise _refusal(given)


def picture_items(pictures: Iterable[Picture], *, first: int = 0) -> Iterator[Item]:
    """Yield the decoded pictures; those named by paths as `feed` does. Raises: UsageError for what is not a picture.

    first: number of the first picture, in the names of those without a path.
    """
    for index, picture in enumerate(pictures, first):
        if is_path(picture):
            yield from feed(find_sources([os.fspath(cast("str | os.PathLike[str]", picture))]))
        else:
            yield _item(picture, index)


def pictures_with_faces(pictures: Iterable[Picture], boxes: Iterable[ArrayLike]) -> Iterator[Item]:
    """Yield single pictures, each with its own faces: boxes [K, 4] or landmarks [K, 5, 2].

    Raises: UsageError unless there is one array for each picture.
    """
    for index, (picture, of_picture) in enumerate(zip_longest(pictures, boxes)):
        items = [] if picture is None or of_picture is None else list(picture_items([picture], first=index))
        if len(items) != 1:
            raise UsageError("boxes need one array for each picture", fix="name single pictures, or give a CSV file")
        yield from with_given_faces(items, FacesByFrame({None: of_picture}))


def frame_items(frames: Frames, fps: float | None, part: FrameSelection = EVERY_FRAME) -> Iterator[Item]:
    """Yield frames of the part with their times. fps: rate of frames without times; of others, how many are read.

    Raises: UsageError for other objects, and for times that are not in order.
    """
    source = Source(Path("frames"), "video", Path("frames"))
    last_s, chooser = -math.inf, None
    for index, frame in enumerate(frames):
        if isinstance(frame, (tuple, list)) and len(frame) == 2:
            time_s, pixels = _seconds(frame[0]), frame[1]
        elif fps is None:
            raise UsageError("frames have no times", fix="video(frames, fps=25), or pairs (seconds, frame)")
        else:
            time_s, pixels = index / fps, frame
        if time_s < last_s:
            raise UsageError(
                f"frame {index} is shown at {time_s:g} s, before the previous one at {last_s:g} s",
                fix="sort the frames",
            )
        last_s = time_s
        timed = isinstance(frame, (tuple, list))
        chooser = chooser or FrameChooser(replace(part, fps=fps) if timed else part)
        if part.ends_before(time_s):
            return
        if chooser.takes(time_s):
            yield Item(source, rgb=pixels_of(pixels), frame=index, time_s=time_s)
    if part.begins_after(last_s) and last_s >= 0:
        raise UsageError(
            f"the last frame is shown at {last_s:g} s, before the start at {part.start_s:g} s", fix="start_s=0"
        )


def checked_fps(fps: object) -> float | None:
    """Return a rate as a float. Raises: UsageError unless it is None or a number above 0."""
    if fps is None:
        return None
    fix = "video(frames, fps=25)"
    rate = real_number(fps, "fps", fix=fix)
    if not 0 < rate < math.inf:
        raise UsageError(f"fps is {rate:g}: must be above 0", fix=fix)
    return rate


def pixels_of(picture: object, *, notes: list[str] | None = None) -> Rgb:
    """Return the pixels of an array or PIL picture, RGB uint8 [H, W, 3]. Raises: UsageError for anything else.

    notes: gets what is unusual about a PIL picture.
    """
    if isinstance(picture, Image.Image):
        if not all(picture.size):
            raise UsageError(f"a picture of {picture.width} x {picture.height} pixels is empty", fix="check its size")
        with picture_errors(Path("picture")):
            return upright_rgb(load_picture(picture, _file_of(picture), [] if notes is None else notes))
    if not isinstance(picture, np.ndarray):
        raise _refusal(picture)
    return _checked(picture)


def _file_of(picture: Image.Image) -> io.BytesIO | None:
    """The bytes of the file that a JPEG will be loaded from; None for one that is loaded, and for other pictures."""
    file = getattr(picture, "fp", None)
    if picture.format not in ("JPEG", "MPO") or file is None or file.closed:
        return None
    position = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(position)
    return io.BytesIO(content)


def _item(picture: Picture, index: int) -> Item:
    path = Path(f"picture-{index}")
    source = Source(path, "image", path)
    notes: list[str] = []
    try:
        if isinstance(picture, (bytes, bytearray, memoryview)) or hasattr(picture, "read"):
            rgb = read_rgb(path, _content(picture), notes=notes)
        else:
            rgb = pixels_of(picture, notes=notes)
        return Item(source, rgb=rgb, note="; ".join(notes) or None)
    except DataError as error:
        return Item(source, fault=error.message.partition(": ")[2])


def _content(encoded: Any) -> bytes:
    content = encoded.read() if hasattr(encoded, "read") else bytes(encoded)
    if not isinstance(content, bytes):
        raise UsageError("the file was opened as text", fix='open(path, "rb")')
    return content


def _checked(rgb: NDArray[Any]) -> Rgb:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise UsageError(
            f"a picture is uint8 [H, W, 3] in RGB order, not {rgb.dtype} {list(rgb.shape)}",
            fix=_array_fix(rgb),
        )
    return np.ascontiguousarray(rgb)


def _array_fix(array: NDArray[Any]) -> str:
    if not array.size:
        return "check its size"
    if array.ndim == 2 or array.shape[2:] == (1,):
        return "np.repeat(grey.reshape(*grey.shape[:2], 1), 3, axis=2)"
    if array.ndim == 3 and array.shape[2] == 4:
        return "rgba[..., :3], or give the PIL picture or the path"
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype.kind == "f":
        return "np.uint8(np.clip(255 * rgb, 0, 255).round()) for values from 0 to 1"
    return "rgb[..., ::-1] gives RGB for OpenCV's order; several pictures are a list for images()"


def _seconds(time_s: object) -> float:
    seconds = real_number(time_s, "the time of a frame", fix="pairs (seconds, frame)")
    if not 0 <= seconds < math.inf:
        raise UsageError(
            f"the time of a frame is {seconds}: must be finite and at least 0", fix="count seconds from the first frame"
        )
    return seconds


def _refusal(given: object) -> UsageError:
    kind = type(given)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    fixes = {
        "NoneType": "check the file: cv2.imread returns None if it cannot read it",
        "torch.Tensor": "tensor.permute(1, 2, 0).cpu().numpy() for uint8 [3, H, W]",
        "list": "np.asarray(picture, dtype=np.uint8)",
        "tuple": "np.asarray(picture, dtype=np.uint8)",
    }
    return UsageError(f"a picture is {_PICTURES}, not {name}", fix=fixes.get(name, "np.asarray(picture)"))
