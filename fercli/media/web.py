"""Download a file from an http or https address."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from fercli.errors import DataError
from fercli.media.addresses import encoded
from fercli.media.metadata import may_have_metadata
from fercli.media.tiff import is_tiff

_TIMEOUT_S = 20.0
_HEAD = 12  # bytes that tell the format of a picture
_MAX_BYTES = 500_000_000
_FIX = "try the address in a browser"


def fetch(address: str, *, name: str) -> bytes:
    """Download the bytes at an http or https address; a user name and password in it are sent as basic authentication.

    name: used in messages. Raises: DataError if the download fails or is larger than 500 MB.
    """
    with _response(address, name) as response:
        return _rest(response, b"", name)


def fetch_picture(address: str, *, name: str) -> bytes | None:
    """Download the bytes at an address if they begin like a picture; None if they do not, or if the download fails.

    A JPEG may be the first of a stream, so it counts as a video. name: used in messages.
    """
    try:
        with _response(address, name) as response:
            ends = "Content-Length" in response.headers or response.headers.get_content_maintype() == "image"
            head = bytes(response.read(_HEAD)) if ends else b""
            return _rest(response, head, name) if _begins_like_picture(head) else None
    except DataError:
        return None


def _begins_like_picture(head: bytes) -> bool:
    """Whether this is the beginning of a PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF file."""
    if head.startswith(b"\xff\xd8"):
        return False
    return may_have_metadata(head) or is_tiff(head[:4]) or head.startswith((b"GIF8", b"BM"))


def _rest(response: Any, head: bytes, name: str) -> bytes:
    content = head + bytes(response.read(_MAX_BYTES + 1))
    if len(content) > _MAX_BYTES:
        raise DataError(f"{name}: larger than {_MAX_BYTES // 1_000_000} MB", fix="download it, then give the file")
    return content


@contextmanager
def _response(address: str, name: str) -> Iterator[Any]:
    parts = urlsplit(encoded(address))
    login, _, host = parts.netloc.rpartition("@")
    request = Request(parts._replace(netloc=host).geturl(), headers={"User-Agent": "fer"})
    if login:
        request.add_header("Authorization", "Basic " + base64.b64encode(unquote(login).encode()).decode())
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as response:
            yield response
    except HTTPError as error:
        error.close()
        reason = str(error.reason).splitlines()[0] if error.reason else ""
        raise DataError(f"{name}: the server returned {error.code} {reason}".rstrip(), fix=_FIX) from error
    except (URLError, OSError, ValueError, OverflowError, HTTPException) as error:
        raise DataError(f"{name}: the server did not respond ({getattr(error, 'reason', error)})", fix=_FIX) from error
