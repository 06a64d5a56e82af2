"""Addresses as people write them, well or badly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fercli.media.addresses import address_error, encoded, without_login
from fercli.media.feed import feed
from fercli.media.images import write_image
from fercli.media.sources import find_sources


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("http://[::1/x.jpg", "not a valid address"),
        ("rtsp://[zz]/x", "not a valid address"),
        ("http://h:99999/x.jpg", "the port of the address is not a number from 0 to 65535"),
        ("http://h:abc/x.mp4", "the port of the address is not a number from 0 to 65535"),
        ("http:///x.jpg", "the address has no host"),
        ("http://a b/x.mp4", "the address contains characters that are not allowed"),
        ("http://h/a\r\nb.jpg", "the address contains characters that are not allowed"),
        ("http://..a/x.jpg", "not a valid host name"),
        ("http://h/\udce9.jpg", "the address is not valid UTF-8"),
        ("gopher://h/x.jpg", "gopher addresses are not supported"),
    ],
)
def test_feed__reports_what_is_wrong_with_an_address_and_continues(address: str, fault: str):
    items = list(feed(find_sources([address, "nope.jpg"])))
    assert len(items) == 2
    assert items[0].fault is not None
    assert items[0].fault.startswith(fault)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:80/a b.jpg", "rtsp://me:p@ss@h/x", "udp://:1234", "http://[::1]:8080/x.jpg"]
)
def test_address__is_accepted(address: str):
    assert address_error(address) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://h/a b.jpg", "http://h/a%20b.jpg"),
        ("http://h/\u00e9.jpg?q=\u00fc", "http://h/%C3%A9.jpg?q=%C3%BC"),
        ("http://h/a%20b.jpg", "http://h/a%20b.jpg"),
        ("http://h/100%.jpg", "http://h/100%25.jpg"),
        ("http://b\u00fccher.example:81/x", "http://xn--bcher-kva.example:81/x"),  # RFC 3492's form
    ],
)
def test_encoded__is_ascii(address: str, expected: str):
    assert encoded(address) == expected


def test_without_login__takes_malformed_addresses():
    assert without_login("http://me:secret@[::1/x@y") == "http://[::1/x@y"


def test_feed__reads_an_address_with_a_space_and_other_letters(file_server: Any, tmp_path: Any):
    picture = tmp_path / "a.png"
    write_image(picture, np.full((8, 8, 3), 90, np.uint8))
    file_server.serve("/a%20%C3%A9.png", picture.read_bytes())
    (item,) = feed(find_sources([f"{file_server.url}/a \u00e9.png"]))
    assert item.fault is None
    assert item.rgb is not None
