"""Downloads from a server that interrupts, sends wrong data or web pages: complete and verified, or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import threading
import urllib.request
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fercli.errors import RefusedError, WeightsError
from fercli.weights import download as download_module
from fercli.weights import locations
from fercli.weights.download import download
from fercli.weights.locations import DownloadError

CONTENT = bytes(range(256)) * 4000  # about a megabyte
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "net.pth"


def fetch(place: str, target: Path, sha256: str | None = None) -> str:
    return download(place, target, sha256=sha256, sleep=lambda _seconds: None)


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_download__writes_the_file_and_returns_its_hash(file_server, target):
    seen = []
    url = file_server.serve("/net.pth", CONTENT)
    assert download(url, target, sha256=SHA256, progress=lambda *told: seen.append(told)) == SHA256
    assert target.read_bytes() == CONTENT
    assert left(target) == ["net.pth"]
    assert seen[-1] == (1, 1, "MB")


def test_download__resumes_where_the_connection_broke(file_server, target):
    url = file_server.serve("/net.pth", CONTENT, breaks=[300_000, 200_000])
    assert fetch(url, target, SHA256) == SHA256
    assert file_server.ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_download__resumes_after_the_program_was_stopped(file_server, target):
    url = file_server.serve("/net.pth", CONTENT, breaks=[300_000], statuses=[])
    file_server.paths["/net.pth"].breaks = [300_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"the connection broke after 0\.3 of 1\.0 MB"):
        fetch(url, target)
    assert left(target) == [".net.pth.part", ".net.pth.part.json"]
    file_server.paths["/net.pth"].breaks = []
    assert fetch(url, target, SHA256) == SHA256
    assert file_server.ranges[-1] == "bytes=300000-"


@pytest.mark.parametrize("note", ["[" * 200_000, "{", "[]", "1"], ids=["deep", "cut", "list", "number"])
def test_download__starts_again_if_its_note_is_damaged(file_server, target, note):
    url = file_server.serve("/net.pth", CONTENT)
    target.parent.mkdir()
    target.with_name(f".{target.name}.part").write_bytes(CONTENT[:1000])
    target.with_name(f".{target.name}.part.json").write_text(note)
    assert fetch(url, target, SHA256) == SHA256
    assert file_server.ranges[-1] is None


def test_download__starts_again_if_the_file_was_replaced(file_server, target):
    url = file_server.serve("/net.pth", CONTENT, breaks=[300_000, 0, 0, 0, 0])
    with pytest.raises(DownloadError):
        fetch(url, target)
    other = b"other" + CONTENT
    file_server.serve("/net.pth", other, etag='"two"')
    assert fetch(url, target) == hashlib.sha256(other).hexdigest()
    assert target.read_bytes() == other


def test_download__starts_again_if_ranges_are_not_supported(file_server, target):
    url = file_server.serve("/net.pth", CONTENT, breaks=[300_000], ranges=False)
    assert fetch(url, target, SHA256) == SHA256


def test_download__does_not_resume_the_file_of_another_location(file_server, target):
    first = file_server.serve("/first.pth", b"x" * 2000, breaks=[1000, 0, 0, 0, 0])
    with pytest.raises(DownloadError):
        fetch(first, target)
    second = file_server.serve("/second.pth", CONTENT)
    assert fetch(second, target, SHA256) == SHA256
    assert file_server.ranges[-1] is None


def test_download__a_partial_file_that_is_too_long_is_deleted(file_server, target):
    url = file_server.serve("/net.pth", CONTENT, etag=None, breaks=[300_000, 0, 0, 0, 0])
    with pytest.raises(DownloadError):
        fetch(url, target)
    file_server.serve("/net.pth", CONTENT[:100], etag=None)
    assert fetch(url, target) == hashlib.sha256(CONTENT[:100]).hexdigest()


def test_download__another_file_than_expected_is_deleted(file_server, target):
    url = file_server.serve("/net.pth", CONTENT[:-1] + b"!")
    with pytest.raises(WeightsError, match=f"expected {SHA256}") as caught:
        fetch(url, target, SHA256)
    assert "do not use it" in caught.value.fix
    assert left(target) == []


def test_download__tries_again_after_a_temporary_failure(file_server, target):
    url = file_server.serve("/net.pth", CONTENT, statuses=[503, 429])
    assert fetch(url, target, SHA256) == SHA256


@pytest.mark.parametrize("status", [403, 404, 410])
def test_download__does_not_try_again_after_a_permanent_failure(file_server, target, status):
    url = file_server.serve("/net.pth", CONTENT, statuses=[status] * 9)
    with pytest.raises(DownloadError, match=f"HTTP {status}"):
        fetch(url, target)
    assert len(file_server.asked) == 1


def test_download__gives_up_after_three_consecutive_failures(file_server, target):
    url = file_server.serve("/net.pth", CONTENT, statuses=[500] * 9)
    with pytest.raises(DownloadError, match="HTTP 500"):
        fetch(url, target)
    assert len(file_server.asked) == 3


def test_download__a_web_page_is_an_error(file_server, target):
    url = file_server.serve("/net.pth", page="<html><title>Sign in</title>")
    with pytest.raises(DownloadError, match="a web page instead of a file: 'Sign in'"):
        fetch(url, target)
    assert left(target) == []


def test_download__an_empty_file_is_an_error(file_server, target):
    with pytest.raises(DownloadError, match="empty"):
        fetch(file_server.serve("/net.pth", b""), target)


def test_download__follows_redirects(file_server, target):
    real = file_server.serve("/store/net.pth", CONTENT)
    assert fetch(file_server.serve("/net.pth", location=real), target, SHA256) == SHA256


def test_download__without_a_server_is_an_error(target):
    with pytest.raises(DownloadError, match=r"refused|unreachable"):
        fetch("http://127.0.0.1:9/net.pth", target)


def test_download__too_little_disk_space_is_an_error_before_the_download(file_server, target, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(1, 1, 1000))
    with pytest.raises(RefusedError, match="less than 1 MB of free space") as caught:
        fetch(file_server.serve("/net.pth", CONTENT), target)
    assert "FER_CACHE" in caught.value.fix


FORM = """<html><title>Google Drive - Virus scan warning</title><form id="download-form" action="/download" method="get">
<input type="hidden" name="id" value="ID7"><input type="hidden" name="confirm" value="t&amp;x">
<input type="hidden" name="uuid" value="u-1"><input type="submit" value="Download anyway"></form></html>"""
LINK = '<html><a id="uc-download-link" href="/download?export=download&amp;confirm=abcd&amp;id=ID7">Download anyway</a>'


@pytest.mark.parametrize("page", [FORM, LINK], ids=["form", "older link"])
def test_download__submits_google_drives_form(file_server, target, monkeypatch, page):
    monkeypatch.setattr(locations, "GDRIVE", file_server.url + "/uc")
    file_server.serve("/uc", page=page)
    file_server.serve("/download", CONTENT, page="not confirmed", breaks=[100_000])
    assert fetch("gdrive:ID7", target, SHA256) == SHA256
    asked = [path for path, _ in file_server.asked]
    assert asked[0] == "/uc?export=download&id=ID7"
    assert "id=ID7" in asked[1]
    if page is FORM:
        assert "confirm=t%26x&uuid=u-1" in asked[1]
    assert file_server.ranges == [None, None, "bytes=100000-", "bytes=100000-"]


def test_download__small_files_come_from_google_drive_at_once(file_server, target, monkeypatch):
    monkeypatch.setattr(locations, "GDRIVE", file_server.url + "/uc")
    file_server.serve("/uc", CONTENT)
    assert fetch("gdrive:ID7", target, SHA256) == SHA256


def test_download__google_drives_quota_page_is_an_error(file_server, target, monkeypatch):
    monkeypatch.setattr(locations, "GDRIVE", file_server.url + "/uc")
    file_server.serve("/uc", page="<html><head><title>Google Drive - Quota exceeded</title></head></html>")
    with pytest.raises(DownloadError, match="returned no file: 'Google Drive - Quota exceeded'"):
        fetch("gdrive:ID7", target)


def test_download__google_drives_form_may_not_lead_to_a_local_file(file_server, target, monkeypatch):
    monkeypatch.setattr(locations, "GDRIVE", file_server.url + "/uc")
    file_server.serve("/uc", page='<form id="download-form" action="file:///etc/passwd"></form>')
    with pytest.raises(DownloadError, match="returned no file"):
        fetch("gdrive:ID7", target)


@pytest.mark.parametrize("scheme", ["ftp", "file", "data", "gopher"])
def test_download__does_not_follow_a_redirect_to_another_protocol(file_server, target, scheme):
    url = file_server.serve("/net.pth", location=f"{scheme}://127.0.0.1/etc/passwd")
    with pytest.raises(DownloadError, match=r"redirects from http to ftp|is not allowed"):
        fetch(url, target)
    assert len(file_server.asked) == 1


def test_redirect__from_https_to_http_is_not_followed():
    request = urllib.request.Request("https://example.org/net.pth")
    with pytest.raises(DownloadError, match="redirects from https to http"):
        locations._Redirects().redirect_request(request, None, 302, "", {}, "http://example.org/net.pth")
    assert locations._Redirects().redirect_request(request, None, 302, "", {}, "https://example.org/b") is not None


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/net.pth", "file:///etc/passwd", "data:,abc"])
def test_open_location__opens_no_other_protocol(location):
    with pytest.raises(DownloadError, match="unknown url type"):
        locations.open_location(location, {})


@contextlib.contextmanager
def _raw_server(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that does as `answer` says with every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(300)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(4096)
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/net.pth"


def _trickle(connection: socket.socket, start: bytes, ended: threading.Event) -> None:
    """Send a byte every 0.02 s until the test has ended."""
    connection.sendall(start)
    while not ended.wait(0.02):
        connection.sendall(b"x")


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """Set when the test has ended."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    ("limit", "seconds", "start", "message"),
    [
        ("_SLOW_S", 0.2, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "less than 30 kB in"),
        ("_HEADERS_S", 0.3, b"HTTP/1.1 200 OK\r\nX-Long: ", "has not answered in 0 s"),
    ],
    ids=["content", "headers"],
)
def test_download__from_a_server_that_trickles__ends(limit, seconds, start, message, target, monkeypatch, ended):
    monkeypatch.setattr(download_module, limit, seconds)
    with (
        _raw_server(lambda connection: _trickle(connection, start, ended)) as url,
        pytest.raises(DownloadError, match=message),
    ):
        fetch(url, target)


def test_download__from_a_silent_server__ends(target, monkeypatch, ended):
    monkeypatch.setattr(locations, "TIMEOUT_S", 0.1)
    with _raw_server(lambda _: ended.wait(300)) as url, pytest.raises(DownloadError, match="timed out"):
        fetch(url, target)


@pytest.mark.parametrize("stated", [True, False])
def test_download__of_a_file_over_the_limit__ends(file_server, target, monkeypatch, stated):
    monkeypatch.setattr(download_module, "_MAX_BYTES", 500_000)

    def endless(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\n\r\n" if not stated else b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"
        )
        for _ in range(9):
            connection.sendall(bytes(100_000))

    with _raw_server(endless) as url, pytest.raises(DownloadError, match="larger than 0 MB, the limit"):
        fetch(url, target)
    assert not target.exists()
