"""Download a file with resume: verify its hash, then give it its final name.

Libraries that download (pooch, gdown, huggingface_hub) each do part of this; none resumes an interrupted download of every
location with `If-Range`, so that a file that was replaced in between is never joined to the rest of another.
"""

from __future__ import annotations

import http.client
import json
import queue
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fercli.errors import RefusedError, WeightsError
from fercli.progress import Progress, silent
from fercli.system.digest import file_sha256
from fercli.system.json_text import parse_json
from fercli.weights.locations import DownloadError, open_location

_CHUNK = 1 << 20
_ATTEMPTS = 3  # consecutive ones without progress
_WAITS_S = (0.5, 2.0)
_MAX_BYTES = 4_000_000_000
_SLOW_BYTES, _SLOW_S = 30_000, 30.0  # fewer bytes in so much time end a download
_HEADERS_S = 60.0  # until the headers are complete, pages of confirmation included
_MB = 1_000_000


def download(
    location: str,
    target: Path,
    *,
    sha256: str | None,
    progress: Progress = silent,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Download a location's file to `target` and return its sha256; an interrupted download is resumed.

    The file is written under a temporary name beside the target and renamed when it is complete and has the hash
    `sha256`, if that is given. progress counts megabytes.
    Raises: DownloadError if the download failed, WeightsError for another hash (the file is deleted), RefusedError for a
    full disk.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial, note = _partial(target), _note(target)
    failures = 0
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            _fetch(location, partial, note, progress)
            break
        except DownloadError as error:
            grown = (partial.stat().st_size if partial.exists() else 0) > before
            failures = 1 if grown else failures + 1
            if error.permanent or failures >= _ATTEMPTS:
                raise
            sleep(_WAITS_S[failures - 1])
    actual = file_sha256(partial)
    if sha256 is not None and actual != sha256:
        discard_partial(target)
        raise WeightsError(
            f"sha256 mismatch for {location}: expected {sha256}, got {actual}",
            fix="try again later; if it fails again, the file was replaced or tampered with: do not use it",
        )
    partial.replace(target)
    note.unlink(missing_ok=True)
    return actual


def discard_partial(target: Path) -> None:
    """Delete the files of an interrupted download of `target`."""
    _partial(target).unlink(missing_ok=True)
    _note(target).unlink(missing_ok=True)


def _partial(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _note(target: Path) -> Path:
    return target.with_name(f".{target.name}.part.json")


def _fetch(location: str, partial: Path, note: Path, progress: Progress) -> None:
    """Download the rest of the file in one connection; DownloadError if it broke."""
    start, etag = _resumable(location, partial, note)
    headers = {"Range": f"bytes={start}-", **({"If-Range": etag} if etag else {})} if start else {}
    with _opened(location, headers) as response:
        if response.status == 416:  # the partial file is longer than the file, or of another file
            partial.unlink(missing_ok=True)
            raise DownloadError("the server has no bytes after those of the partial file", permanent=False)
        if response.status == 206 and _first_byte(response) != start:
            raise DownloadError("the server returned another range of the file", permanent=True)
        resumed = response.status == 206
        done = start if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isascii() and length.isdigit() else None
        if total is not None and total > _MAX_BYTES:
            raise _too_large()
        if total is not None and shutil.disk_usage(partial.parent).free < total - done:
            raise RefusedError(
                f"{partial.parent} has less than {total / _MB:.0f} MB of free space",
                fix="free some space, or set FER_CACHE=DIR",
            )
        etag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        note.write_text(json.dumps({"location": location, "etag": etag}), encoding="utf-8")
        with partial.open("ab" if resumed else "wb") as file:
            done = _copy(response, file, done, total, progress)
    if total is not None and done != total:
        raise DownloadError(f"the connection broke after {done / _MB:.1f} of {total / _MB:.1f} MB", permanent=False)
    if not done:
        raise DownloadError("the file is empty", permanent=True)


def _opened(location: str, headers: Mapping[str, str]) -> Any:
    """Return the open response. Raises: DownloadError if its headers are not complete after _HEADERS_S.

    A server may send them so slowly that no single read of them takes long.
    """
    results: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

    def connect() -> None:
        try:
            results.put((open_location(location, headers), None))
        except Exception as error:  # noqa: BLE001 - raised below
            results.put((None, error))

    threading.Thread(target=connect, name="download", daemon=True).start()
    try:
        response, error = results.get(timeout=_HEADERS_S)
    except queue.Empty:
        raise DownloadError(f"the server has not answered in {_HEADERS_S:.0f} s", permanent=True) from None
    try:
        if error is not None:
            raise error
    finally:
        del error  # its traceback holds this frame, and the frame would hold the error and its socket
    return response


def _copy(response: Any, file: Any, done: int, total: int | None, progress: Progress) -> int:
    begun, since_s = done, time.monotonic()
    try:
        while chunk := response.read1(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done // _MB, None if total is None else max(1, total // _MB), "MB")
            if done > _MAX_BYTES:
                raise _too_large()
            if time.monotonic() - since_s > _SLOW_S:
                if done - begun < _SLOW_BYTES:
                    raise DownloadError(
                        f"the server sends less than {_SLOW_BYTES // 1000} kB in {_SLOW_S:.0f} s", permanent=True
                    )
                begun, since_s = done, time.monotonic()
    except http.client.IncompleteRead as error:
        file.write(error.partial)
        return done + len(error.partial)
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise DownloadError(f"the connection broke: {error or type(error).__name__}", permanent=False) from error
    return done


def _too_large() -> DownloadError:
    return DownloadError(f"the file is larger than {_MAX_BYTES // _MB} MB, the limit", permanent=True)


def _resumable(location: str, partial: Path, note: Path) -> tuple[int, str | None]:
    """First byte to request and the file's ETag; 0 if the partial file is of another location."""
    try:
        noted = parse_json(note.read_text(encoding="utf-8"))
        size = partial.stat().st_size
    except (OSError, ValueError):
        return 0, None
    if not isinstance(noted, dict) or noted.get("location") != location:
        return 0, None
    # a weak ETag does not guarantee equal bytes, and is not allowed in If-Range
    etag = noted.get("etag")
    return size, etag if isinstance(etag, str) and not etag.startswith("W/") else None


def _first_byte(response: Any) -> int | None:
    match = re.match(r"bytes (\d+)-", str(response.headers.get("Content-Range", "")))
    return int(match[1]) if match else None
