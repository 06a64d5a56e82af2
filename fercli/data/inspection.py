"""Read the pictures of a data set: hashes and size of each, or the reason why it cannot be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from fercli.data.crops import read_picture
from fercli.data.dataset import Sample
from fercli.errors import DataError
from fercli.media.images import Rgb
from fercli.system.devices import cpu_threads
from fercli.system.digest import file_sha256
from fercli.system.parallel import in_order

_T = TypeVar("_T")

_AHEAD = 64  # pictures in flight for each thread: bounds the memory


@dataclass(frozen=True)
class PictureInfo:
    """Hashes and size of one picture, however many faces of the data set it contains.

    sha256: of the file's bytes, or of the grey values where the picture is a line of a csv file; None if the file does not
    exist. pixels_sha256: of the decoded pixels, equal for lossless copies in another format. size_wh: None with an error.
    """

    sha256: str | None
    pixels_sha256: str | None = None
    size_wh: tuple[int, int] | None = None
    error: str | None = None


def inspect_pictures(samples: Sequence[Sample]) -> Iterator[PictureInfo]:
    """Read every sample's picture, in the samples' order, on all threads; errors are part of the result."""
    return _in_threads(_inspect, samples)


def pixel_hashes(samples: Sequence[Sample]) -> Iterator[str | None]:
    """Return `PictureInfo.pixels_sha256` of every sample's picture, in order, on all threads; None if it cannot be read."""
    return _in_threads(_pixel_hash, samples)


def picture_errors_of(samples: Sequence[Sample]) -> Iterator[str | None]:
    """Return why each sample's picture cannot be decoded, None if it can; in order, on all threads."""
    return _in_threads(_error, samples)


def _in_threads(function: Callable[[Sample], _T], samples: Sequence[Sample]) -> Iterator[_T]:
    workers = max(1, cpu_threads())
    with ThreadPoolExecutor(workers, thread_name_prefix="inspect") as pool:
        yield from in_order(pool, function, samples, ahead=_AHEAD * workers)


def _inspect(sample: Sample) -> PictureInfo:
    try:
        file_hash = file_sha256(sample.path) if sample.offset is None else None
    except OSError as error:
        return PictureInfo(None, error=error.strerror or "cannot be read")
    try:
        rgb = read_picture(sample)
    except DataError as error:
        return PictureInfo(file_hash, error=error.message.removeprefix(f"{sample.path}: "))
    height, width = rgb.shape[:2]
    return PictureInfo(
        file_hash or hashlib.sha256(rgb[..., 0].tobytes()).hexdigest(), _hash_pixels(rgb), (width, height)
    )


def _error(sample: Sample) -> str | None:
    try:
        read_picture(sample)
    except DataError as error:
        return error.message.removeprefix(f"{sample.path}: ")
    except OSError as error:
        return error.strerror or "cannot be read"
    return None


def _pixel_hash(sample: Sample) -> str | None:
    try:
        return _hash_pixels(read_picture(sample))
    except (DataError, OSError):
        return None


def _hash_pixels(rgb: Rgb) -> str:
    height, width = rgb.shape[:2]
    return hashlib.sha256(f"{width}x{height}".encode() + rgb.tobytes()).hexdigest()
