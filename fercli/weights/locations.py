"""Open the locations of the registry for download: plain URLs, Google Drive, Hugging Face."""

from __future__ import annotations

import http.client
import re
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any

from fercli import __version__

GDRIVE = "https://drive.google.com/uc"
HUGGING_FACE = "https://huggingface.co"
TIMEOUT_S = 10.0  # to connect, and for every answer
_OFFLINE = (socket.gaierror, ConnectionRefusedError)  # no name server, or a firewall
_PAGE_BYTES = 1_000_000  # read of a web page


class DownloadError(Exception):
    """Why a download failed. permanent: trying again will not help. offline: no server can be reached."""

    def __init__(self, reason: str, *, permanent: bool, offline: bool = False) -> None:
        super().__init__(reason)
        self.permanent, self.offline = permanent, offline


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to http and https only, and never from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:  # noqa: PLR0917 - as in urllib
        old, new = (urllib.parse.urlsplit(url).scheme.lower() for url in (req.full_url, newurl))
        if new not in ("https", old):
            raise DownloadError(f"the server redirects from {old} to {new}, which is not followed", permanent=True)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def url_of(location: str) -> str:
    """Return the URL of a location, as opened in a browser."""
    kind, _, rest = location.partition(":")
    if kind == "gdrive":
        return f"{GDRIVE}?{urllib.parse.urlencode({'export': 'download', 'id': rest})}"
    if kind == "hf":
        owner, repository, file = rest.split("/", 2)
        return f"{HUGGING_FACE}/{owner}/{repository}/resolve/main/{file}"
    return location


def open_location(location: str, headers: Mapping[str, str]) -> Any:
    """Request the file and return the open response (status 200, 206 or 416). Raises: DownloadError.

    Google Drive requires a confirmation for large files, which it does not scan for viruses: its form is submitted. A web
    page instead of a file is an error.
    """
    opener = _opener()
    url = url_of(location)
    response = _request(opener, url, headers)
    if location.startswith("gdrive:") and _is_page(response):
        page = _text(response)
        confirmed = _confirmed_url(page, url)
        if confirmed is None:
            raise DownloadError(f"Google Drive returned no file: {_title(page)}", permanent=True)
        response = _request(opener, confirmed, headers)
    if response.status != 416 and _is_page(response):
        raise DownloadError(f"a web page instead of a file: {_title(_text(response))}", permanent=True)
    return response


def _opener() -> urllib.request.OpenerDirector:
    """An opener for http and https alone; urllib's own also opens ftp, file and data addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPCookieProcessor(CookieJar()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _request(opener: urllib.request.OpenerDirector, url: str, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": f"fercli/{__version__}", **headers})
    try:
        return opener.open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            return error
        permanent = error.code < 500 and error.code not in (408, 425, 429)
        reason = f"HTTP {error.code} {error.reason}"
        error.close()
        raise DownloadError(reason, permanent=permanent) from error
    except urllib.error.URLError as error:
        offline = isinstance(error.reason, _OFFLINE)
        raise DownloadError(str(error.reason), permanent=offline, offline=offline) from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(str(error) or type(error).__name__, permanent=False) from error


def _is_page(response: Any) -> bool:
    return str(response.headers.get("Content-Type", "")).lower().startswith("text/html")


def _text(response: Any) -> str:
    with response:
        return bytes(response.read(_PAGE_BYTES)).decode("utf-8", errors="replace")


class _Form(HTMLParser):
    """The confirmation form of Google Drive, or its older link."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and values.get("id") == "download-form":
            self.action = values.get("action")
        elif tag == "input" and self.action is not None and values.get("type") == "hidden":
            self.fields[values.get("name", "")] = values.get("value", "")
        elif tag == "a" and values.get("id") == "uc-download-link":
            self.link = values.get("href")


def _confirmed_url(page: str, page_url: str) -> str | None:
    form = _Form()
    form.feed(page)
    if form.action:
        url = urllib.parse.urljoin(page_url, form.action)
        joint = "&" if urllib.parse.urlparse(url).query else "?"
        url += joint + urllib.parse.urlencode(form.fields) if form.fields else ""
    elif form.link:
        url = urllib.parse.urljoin(page_url, form.link)
    else:
        return None
    return url if urllib.parse.urlparse(url).scheme in ("http", "https") else None


def _title(page: str) -> str:
    match = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    return repr(" ".join(match[1].split())[:80]) if match else "a page without a title"
