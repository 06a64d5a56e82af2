"""Pictures and clips from a server on this machine."""

from __future__ import annotations

import base64
import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.media.feed import feed
from fercli.media.images import write_image
from fercli.media.sources import find_sources
from fercli.media.video_writer import VideoWriter
from fercli.media.web import fetch

LOGIN = "Basic " + base64.b64encode(b"me:s3cret").decode()


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; what is below /private only to those who log in."""

    def do_GET(self) -> None:
        if self.path.startswith("/private") and self.headers.get("Authorization") != LOGIN:
            self.send_error(401)
            return
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """`http://...` of a server of a picture, a clip of five frames and a text."""
    write_image(tmp_path / "a.png", np.full((30, 40, 3), (200, 0, 0), np.uint8))
    write_image(tmp_path / "private" / "b.png", np.full((30, 40, 3), 9, np.uint8))
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        for number in range(5):
            writer.write(np.full((48, 64, 3), 40 * number, np.uint8), number / 10)
    (tmp_path / "text.jpg").write_text("hello")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path))) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_feed__reads_pictures_and_clips_from_a_server(server: str):
    items = list(feed(find_sources([f"{server}/a.png", f"{server}/clip.mp4?size=small"])))
    assert [item.source.name for item in items] == [f"{server}/a.png"] + [f"{server}/clip.mp4?size=small"] * 5
    assert items[0].rgb is not None
    assert items[0].rgb[0, 0].tolist() == [200, 0, 0]
    np.testing.assert_allclose([item.time_s or 0 for item in items[1:]], np.arange(5) / 10, atol=1e-4)
    assert items[1].source.relative == Path("clip.mp4")


def test_feed__reports_what_a_server_does_not_have_and_continues(server: str):
    found = find_sources([f"{server}/{name}" for name in ("no.jpg", "no.mp4", "text.jpg", "a.png")])
    faults = [item.fault for item in feed(found)]
    assert faults[0] == "the server returned 404 File not found"
    assert "cannot be opened" in (faults[1] or "")
    assert faults[2] == "not a picture"
    assert faults[3] is None


def test_fetch__logs_in_and_keeps_the_password_to_itself(server: str):
    address = server.replace("//", "//me:s3cret@") + "/private/b.png"
    (source,) = find_sources([address])
    assert "s3cret" not in source.name + str(source.path)
    assert fetch(address, name=source.name).startswith(b"\x89PNG")
    with pytest.raises(DataError) as error:
        fetch(address.replace("s3cret", "wr0ng"), name=source.name)
    assert "401" in error.value.message
    assert "wr0ng" not in error.value.message


def test_fetch__reports_a_server_that_does_not_respond():
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/a\.jpg: the server did not respond \(.*refused"):
        fetch("http://127.0.0.1:9/a.jpg", name="http://127.0.0.1:9/a.jpg")


def test_fetch__of_an_address_that_leads_to_itself__has_a_reason_of_one_line(file_server: Any):
    address = file_server.serve("/a.jpg", location="/a.jpg")
    with pytest.raises(DataError, match="the server returned 302 The HTTP server returned a redirect error") as raised:
        fetch(address, name="a.jpg")
    assert "\n" not in raised.value.message
