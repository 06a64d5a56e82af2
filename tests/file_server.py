"""A web server on this machine that serves files as well or as badly as a test wants."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse


@dataclass
class Served:
    """One path. breaks: after how many bytes the answers to the first requests break off, None for a whole answer.

    statuses: of the first requests, instead of an answer. ranges: whether Range is honoured. page: HTML to say instead,
    unless the query has `confirm`.
    """

    content: bytes = b""
    etag: str | None = '"one"'
    breaks: list[int | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    page: str | None = None
    location: str | None = None


class FileServer:
    """paths: what is served. asked: (path with query, headers) of every request so far."""

    def __init__(self, port: int) -> None:
        self.paths: dict[str, Served] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{port}"

    def serve(self, path: str, content: bytes = b"", **options: object) -> str:
        """Serve content under a path; returns its URL."""
        self.paths[path] = Served(content, **options)  # type: ignore[arg-type]
        return self.url + path

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of every request so far."""
        return [headers.get("Range") for _, headers in self.asked]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        told = urlparse(self.path)
        self.server.files.asked.append((self.path, dict(self.headers)))
        served = self.server.files.paths.get(told.path)
        if served is None:
            return self.send_error(404)
        if served.statuses:
            return self.send_error(served.statuses.pop(0))
        if served.location:
            self.send_response(302)
            self.send_header("Location", served.location)
            return self.end_headers()
        if served.page is not None and "confirm" not in told.query:
            return self._send(200, served.page.encode(), {"Content-Type": "text/html; charset=utf-8"})
        start = self._start(served)
        if start > len(served.content):
            return self.send_error(416)
        headers = {"Content-Type": "application/octet-stream"}
        if served.etag:
            headers["ETag"] = served.etag
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(served.content) - 1}/{len(served.content)}"
        limit = served.breaks.pop(0) if served.breaks else None
        return self._send(206 if start else 200, served.content[start:], headers, limit)

    def _start(self, served: Served) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        stale = self.headers.get("If-Range") not in (None, served.etag)
        return int(found[1]) if found and served.ranges and not stale else 0

    def _send(self, status: int, content: bytes, headers: dict[str, str], limit: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content if limit is None else content[:limit])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    files: FileServer
    daemon_threads = True


@contextmanager
def running() -> Iterator[FileServer]:
    """A server for the time of a test."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.files = FileServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.files
        finally:
            server.shutdown()
            thread.join()
