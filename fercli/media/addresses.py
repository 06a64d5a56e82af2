"""Network addresses as people write them: what is wrong with one, and its form for the network."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

LIVE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp")
SCHEMES = ("http", "https", *LIVE_SCHEMES)
_PATTERN = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^/?#]*@")
_HOST_LESS = ("udp", "tcp", "srt", "rtmp")  # FFmpeg listens at such an address, as udp://:1234
_KEPT = "%/:=&?~#+!$,;'@()*[]"  # characters with a meaning in an address, and what is encoded already


def is_address(text: str) -> bool:
    """Whether a text begins like an address."""
    return _PATTERN.match(text) is not None


def scheme_of(address: str) -> str:
    """Return the protocol of an address in lower case, such as "https"; "" for other texts."""
    match = _PATTERN.match(address)
    return match[1].lower() if match else ""


def path_of(address: str) -> str:
    """Return the decoded path of an address, also of a malformed one."""
    rest = address.partition("://")[2]
    return unquote(re.split(r"[?#]", "/".join(["", *rest.split("/")[1:]]))[0])


def without_login(address: str) -> str:
    """Return an address without user name and password, for messages and results."""
    return _LOGIN.sub("", address)


def address_error(address: str) -> str | None:
    """Return what is wrong with an address; None if it can be opened."""
    scheme = scheme_of(address)
    if scheme not in SCHEMES:
        return f"{scheme} addresses are not supported, only {', '.join(SCHEMES)}"
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return "not a valid address"
    try:
        _ = parts.port
    except ValueError:
        return "the port of the address is not a number from 0 to 65535"
    if not host and scheme not in _HOST_LESS:
        return "the address has no host"
    if re.search(r"[\s\x00-\x1f\x7f<>\"\\^`{|}]", host) or re.search(r"[\x00-\x1f\x7f]", address):
        return "the address contains characters that are not allowed"
    try:
        host.encode("idna")
    except UnicodeError:
        return "not a valid host name"
    try:
        address.encode("utf-8")
    except UnicodeError:
        return "the address is not valid UTF-8"
    return None


def encoded(address: str) -> str:
    """Return an address in ASCII, as servers expect it: spaces and other letters escaped, the host by IDNA."""
    parts = urlsplit(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", address))
    login, at, host = parts.netloc.rpartition("@")
    if not host.isascii():
        name, colon, port = host.partition(":")
        host = name.encode("idna").decode("ascii") + colon + port
    netloc = quote(login, safe=_KEPT) + at + host
    path, query, fragment = (quote(part, safe=_KEPT) for part in (parts.path, parts.query, parts.fragment))
    return parts._replace(netloc=netloc, path=path, query=query, fragment=fragment).geturl()
