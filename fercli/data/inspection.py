"""Pictures of a data set in, the hashes and size of each, or why it cannot be read, out"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from fercli.data.crops import read_picture
from fercli.data.records import Sample
from fercli.errors import DataError
from fercli.media.images import Rgb
from fercli.system.devices import cpu_threads
from fercli.system.digest import file_sha256
from fercli.system.parallel import in_order

T = TypeVar("T")

_AHEAD = 64  # pictures under way for each thread: bounds the memory


@dataclass(frozen=True)
class Picture:
    """What is found of one picture, whatever number of faces a data set takes from it.

    sha256: of the file's bytes, or of the grey values where the picture is a line of a csv file; None where there is no
    file. pixels_sha256: of what the picture shows, equal for copies that were compressed anew without loss.
    size_wh: None with a fault.
    """

    sha256: str | None
    pixels_sha256: str | None = None
    size_wh: tuple[int, int] | None = None
    fault: str | None = None


def inspect_pictures(samples: Sequence[Sample]) -> Iterator[Picture]:
    """Read every sample's picture whole, in the samples' order, on all threads at once; no fault stops it."""
    return _in_threads(_inspect, samples)


def pixel_hashes(samples: Sequence[Sample]) -> Iterator[str | None]:
    """What every sample's picture shows, as `Picture.pixels_sha256`, in order, on all threads; None: cannot be read."""
    return _in_threads(_pixels, samples)


def _in_threads(look: Callable[[Sample], T], samples: Sequence[Sample]) -> Iterator[T]:
    workers = max(1, cpu_threads())
    with ThreadPoolExecutor(workers, thread_name_prefix="inspect") as pool:
        yield from in_order(pool, look, samples, ahead=_AHEAD * workers)


def _inspect(sample: Sample) -> Picture:
    try:
        file_hash = file_sha256(sample.path) if sample.offset is None else None
    except OSError as error:
        return Picture(None, fault=error.strerror or "cannot be read")
    try:
        rgb = read_picture(sample)
    except DataError as error:
        return Picture(file_hash, fault=error.message.removeprefix(f"{sample.path}: "))
    height, width = rgb.shape[:2]
    return Picture(file_hash or hashlib.sha256(rgb[..., 0].tobytes()).hexdigest(), _shown(rgb), (width, height))


def _pixels(sample: Sample) -> str | None:
    try:
        return _shown(read_picture(sample))
    except (DataError, OSError):
        return None


def _shown(rgb: Rgb) -> str:
    height, width = rgb.shape[:2]
    return hashlib.sha256(f"{width}x{height}".encode() + rgb.tobytes()).hexdigest()
