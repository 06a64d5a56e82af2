"""Download a file from an http or https address."""

from __future__ import annotations

import base64
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from fercli.errors import DataError
from fercli.media.addresses import encoded

_TIMEOUT_S = 20.0
_MAX_BYTES = 500_000_000
_FIX = "try the address in a browser"


def fetch(address: str, *, name: str) -> bytes:
    """Download the bytes at an http or https address; a user name and password in it are sent as basic authentication.

    name: used in messages. Raises: DataError if the download fails or is larger than 500 MB.
    """
    parts = urlsplit(encoded(address))
    login, _, host = parts.netloc.rpartition("@")
    request = Request(parts._replace(netloc=host).geturl(), headers={"User-Agent": "fer"})
    if login:
        request.add_header("Authorization", "Basic " + base64.b64encode(unquote(login).encode()).decode())
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as response:
            content = bytes(response.read(_MAX_BYTES + 1))
    except HTTPError as error:
        error.close()
        raise DataError(f"{name}: the server returned {error.code} {error.reason}", fix=_FIX) from error
    except (URLError, OSError, ValueError, OverflowError, HTTPException) as error:
        raise DataError(f"{name}: the server did not respond ({getattr(error, 'reason', error)})", fix=_FIX) from error
    if len(content) > _MAX_BYTES:
        raise DataError(f"{name}: larger than {_MAX_BYTES // 1_000_000} MB", fix="download it, then give the file")
    return content
