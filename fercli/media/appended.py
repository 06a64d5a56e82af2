"""Find recordings that were appended to a file and that FFmpeg does not read."""

from __future__ import annotations

import re
from pathlib import Path

_SEARCHED = 16_000_000  # bytes after the last packet, where a file may still have an index and the sound of its end
_HEADERS = {  # of formats of which FFmpeg reads the first recording only (Matroska: two)
    "mov": re.compile(rb"\0\0\0.ftyp", re.DOTALL),
    "matroska": re.compile(rb"\x1aE\xdf\xa3.{1,64}(?:matroska|webm)", re.DOTALL),
    "flv": re.compile(rb"FLV\x01[\0-\x05]\0\0\0\x09"),
    "asf": re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),
}


def has_unread_recording(path: Path, format_name: str, read_to: int) -> bool:
    """Whether the packets that were read are followed by the header of another recording.

    format_name: FFmpeg's. read_to: position in the file after the last packet of the pictures.
    """
    header = _HEADERS.get(format_name.partition(",")[0])
    if header is None:
        return False
    try:
        with path.open("rb") as file:
            file.seek(read_to)
            return header.search(file.read(_SEARCHED)) is not None
    except OSError:  # deleted meanwhile
        return False
