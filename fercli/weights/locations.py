"""A place of the registry in, the HTTP answer that carries its file out: plain URLs, Google Drive, Hugging Face."""

from __future__ import annotations

import http.client
import re
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
TIMEOUT_S = 30.0
_PAGE_BYTES = 1_000_000  # of a web page that is looked at


class PlaceError(Exception):
    """Why a place does not give its file, in a few words. lasting: asking again will not help."""

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.lasting = lasting


def url_of(place: str) -> str:
    """The address a person would open, and a download begins with."""
    kind, _, rest = place.partition(":")
    if kind == "gdrive":
        return f"{GDRIVE}?{urllib.parse.urlencode({'export': 'download', 'id': rest})}"
    if kind == "hf":
        owner, repository, file = rest.split("/", 2)
        return f"{HUGGING_FACE}/{owner}/{repository}/resolve/main/{file}"
    return place


def open_place(place: str, headers: Mapping[str, str]) -> Any:
    """Ask for the file and return the open answer (status 200, 206 or 416); PlaceError where there is none.

    Google Drive asks back about large files, which it does not search for viruses: its form is answered. A web page
    instead of a file is an error.
    """
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    url = url_of(place)
    answer = _ask(opener, url, headers)
    if place.startswith("gdrive:") and _is_page(answer):
        page = _text(answer)
        confirmed = _confirmed_url(page, url)
        if confirmed is None:
            raise PlaceError(f"Google Drive gives no file: {_title(page)}", lasting=True)
        answer = _ask(opener, confirmed, headers)
    if answer.status != 416 and _is_page(answer):
        raise PlaceError(f"a web page instead of a file: {_title(_text(answer))}", lasting=True)
    return answer


def _ask(opener: urllib.request.OpenerDirector, url: str, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": f"fercli/{__version__}", **headers})
    try:
        return opener.open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            return error
        lasting = error.code < 500 and error.code not in (408, 425, 429)
        reason = f"HTTP {error.code} {error.reason}"
        error.close()
        raise PlaceError(reason, lasting=lasting) from error
    except urllib.error.URLError as error:
        raise PlaceError(str(error.reason), lasting=False) from error
    except (OSError, http.client.HTTPException) as error:
        raise PlaceError(str(error) or type(error).__name__, lasting=False) from error


def _is_page(answer: Any) -> bool:
    return str(answer.headers.get("Content-Type", "")).lower().startswith("text/html")


def _text(answer: Any) -> str:
    with answer:
        return bytes(answer.read(_PAGE_BYTES)).decode("utf-8", errors="replace")


class _Form(HTMLParser):
    """The form with which Google Drive asks back, or the older link."""

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


def _confirmed_url(page: str, asked: str) -> str | None:
    form = _Form()
    form.feed(page)
    if form.action:
        url = urllib.parse.urljoin(asked, form.action)
        joint = "&" if urllib.parse.urlparse(url).query else "?"
        url += joint + urllib.parse.urlencode(form.fields) if form.fields else ""
    elif form.link:
        url = urllib.parse.urljoin(asked, form.link)
    else:
        return None
    return url if urllib.parse.urlparse(url).scheme in ("http", "https") else None


def _title(page: str) -> str:
    found = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    return repr(" ".join(found[1].split())[:80]) if found else "a page without a title"
