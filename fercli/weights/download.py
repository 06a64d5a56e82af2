"""A place of the registry in, its complete file under its own name out, or nothing: resumed, checked, then renamed."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fercli.errors import RefusedError, WeightsError
from fercli.progress import Progress, silent
from fercli.system.digest import file_sha256
from fercli.weights.locations import PlaceError, open_place

_CHUNK = 1 << 20
_ATTEMPTS = 4  # in a row without a byte
_WAITS_S = (0.5, 2.0, 8.0)
_MB = 1_000_000


def download(
    place: str,
    target: Path,
    *,
    sha256: str | None,
    progress: Progress = silent,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Fetch a place's file to `target` and return its sha256; what a broken download left is gone on with.

    Bytes go to a temporary name beside the target, which is renamed when all are there and `sha256`, if one is known,
    fits. A connection that breaks is taken up again where it broke. progress counts megabytes.
    Errors: PlaceError where the place gives no file, WeightsError where the file is another than `sha256` says (it is
    deleted), RefusedError where the disk has no room.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part, note = _part(target), _note(target)
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _fetch(place, part, note, progress)
            break
        except PlaceError as error:
            grown = (part.stat().st_size if part.exists() else 0) > before
            failures = 1 if grown else failures + 1
            if error.lasting or failures >= _ATTEMPTS:
                raise
            sleep(_WAITS_S[failures - 1])
    found = file_sha256(part)
    if sha256 is not None and found != sha256:
        discard_part(target)
        raise WeightsError(
            f"{place} gives another file than expected: its sha256 is {found}, not {sha256}",
            fix="try again later; if it stays so, the file was replaced or tampered with: do not use it",
        )
    part.replace(target)
    note.unlink(missing_ok=True)
    return found


def discard_part(target: Path) -> None:
    """Forget what a broken download of `target` left."""
    _part(target).unlink(missing_ok=True)
    _note(target).unlink(missing_ok=True)


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _note(target: Path) -> Path:
    return target.with_name(f".{target.name}.part.json")


def _fetch(place: str, part: Path, note: Path, progress: Progress) -> None:
    """Bring the part to its end in one connection; PlaceError if it broke."""
    start, mark = _resumable(place, part, note)
    headers = {"Range": f"bytes={start}-", **({"If-Range": mark} if mark else {})} if start else {}
    with open_place(place, headers) as answer:
        if answer.status == 416:  # the part is longer than the file, or another file's
            part.unlink(missing_ok=True)
            raise PlaceError("the server has nothing after the part that is here", lasting=False)
        if answer.status == 206 and _first_byte(answer) != start:
            raise PlaceError("the server answers with another part of the file", lasting=True)
        resumed = answer.status == 206
        done = start if resumed else 0
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        if total is not None and shutil.disk_usage(part.parent).free < total - done:
            raise RefusedError(
                f"{part.parent} has no room for {total / _MB:.0f} MB", fix="free some space, or FER_CACHE=DIR elsewhere"
            )
        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        note.write_text(json.dumps({"place": place, "mark": mark}), encoding="utf-8")
        with part.open("ab" if resumed else "wb") as file:
            done = _copy(answer, file, done, total, progress)
    if total is not None and done != total:
        raise PlaceError(f"the connection broke after {done / _MB:.1f} of {total / _MB:.1f} MB", lasting=False)
    if not done:
        raise PlaceError("the file is empty", lasting=True)


def _copy(answer: Any, file: Any, done: int, total: int | None, progress: Progress) -> int:
    try:
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done // _MB, None if total is None else max(1, total // _MB), "MB")
    except http.client.IncompleteRead as error:
        file.write(error.partial)
        return done + len(error.partial)
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise PlaceError(f"the connection broke: {error or type(error).__name__}", lasting=False) from error
    return done


def _resumable(place: str, part: Path, note: Path) -> tuple[int, str | None]:
    """Byte to go on from and the server's mark of the file; 0 where the part is another place's or has no mark."""
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
        size = part.stat().st_size
    except (OSError, ValueError):
        return 0, None
    if noted.get("place") != place:
        return 0, None
    # a weak mark is no promise of equal bytes, and If-Range may not carry it
    mark = noted.get("mark")
    return size, None if mark and mark.startswith("W/") else mark


def _first_byte(answer: Any) -> int | None:
    found = re.match(r"bytes (\d+)-", str(answer.headers.get("Content-Range", "")))
    return int(found[1]) if found else None
