"""Whether a video file is complete, by what its container states besides the duration of its last frame."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_GIF_EXTENSION, _GIF_IMAGE, _GIF_TRAILER = 0x21, 0x2C, 0x3B  # labels of its blocks
_FLV_TAG = 11  # bytes of the head of a tag
_ASF_HEADER = 65_536  # bytes in which the properties of the file are searched
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_BOUNDARY = 256  # bytes of a line between two parts, and their headers
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067  # the two elements of a Matroska file
_CLUSTER = 0x1F43B675  # an element of a segment, with frames


def is_complete(
    path: Path | None, format_name: str, *, packets: int, stated_packets: int, read_to: int = 0
) -> bool | None:
    """Return whether nothing is missing at the end of a file; None if the container does not tell.

    Fewer packets than stated do not prove a missing end, as edit lists remove some; nor does a missing index of Matroska.
    packets: how many were read of the picture track. stated_packets: how many it has by the header, 0 if unknown.
    read_to: position in the file after the last packet.
    """
    if path is None:
        return (format_name.startswith("mov") and 0 < stated_packets <= packets) or None
    try:
        if format_name.startswith("mov"):
            return (stated_packets > 0 and packets >= stated_packets) or _boxes_are_complete(path)
        if format_name == "gif":
            return _gif_is_complete(path)
        if format_name.startswith("matroska"):
            return _segment_is_complete(path)
        if format_name == "mpjpeg":  # ends with a line that begins the next picture
            return path.stat().st_size - read_to < _BOUNDARY or None
        if format_name in _BY_SIZE:
            return _BY_SIZE[format_name](path)
    except OSError:  # deleted meanwhile
        return None
    return None


def _avi_is_complete(path: Path) -> bool | None:
    """Whether an AVI file has all bytes of its RIFF chunks; None if they do not state their size."""
    size, end = path.stat().st_size, 0
    with path.open("rb") as file:
        while (head := file.read(8))[:4] == b"RIFF" and len(head) == 8:
            stated = int.from_bytes(head[4:], "little")
            if stated in (0, 0xFFFFFFFF):
                return None
            if end + 8 + stated > size:
                return False
            end += 8 + stated + stated % 2
            file.seek(end)
    return True if end else None


def _flv_is_complete(path: Path) -> bool | None:
    """True if an FLV file ends with the size of its last tag, else None."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 4))
        tag = int.from_bytes(file.read(4), "big")
        if not _FLV_TAG <= tag <= size - 4:
            return None
        file.seek(size - 4 - tag)
        head = file.read(_FLV_TAG)
    return True if head[0] in (8, 9, 18) and int.from_bytes(head[1:4], "big") + _FLV_TAG == tag else None


def _asf_is_complete(path: Path) -> bool | None:
    """Whether an ASF or WMV file has the size that it states; None if it states none."""
    with path.open("rb") as file:
        header = file.read(_ASF_HEADER)
    position = header.find(_ASF_PROPERTIES)
    stated = int.from_bytes(header[position + 40 : position + 48], "little") if position >= 0 else 0
    return stated <= path.stat().st_size if stated else None


def _mjpeg_is_complete(path: Path) -> bool | None:
    """False if a file of JPEGs ends within one, else None."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _BOUNDARY))
        return None if file.read().rstrip(b"\0\r\n").endswith(b"\xff\xd9") else False


_BY_SIZE = {"avi": _avi_is_complete, "flv": _flv_is_complete, "asf": _asf_is_complete, "mjpeg": _mjpeg_is_complete}


def _boxes_are_complete(path: Path) -> bool | None:
    """False if an MP4 or MOV file ends within a box of frames or of their index, else None."""
    size, position = path.stat().st_size, 0
    with path.open("rb") as file:
        while position + 8 <= size:
            file.seek(position)
            head = file.read(16)
            stated = int.from_bytes(head[:4], "big")
            if stated == 1:
                stated = int.from_bytes(head[8:16], "big")
            if stated < 8:  # up to the end of the file, or no box
                return None
            position += stated
            if position > size:
                return False if head[4:8] in (b"mdat", b"moof", b"moov") else None
    return None


def _gif_is_complete(path: Path) -> bool | None:
    """Whether the blocks of a GIF file reach its trailer; bytes after it do not count. None for an unknown block."""
    with path.open("rb") as file:
        header = file.read(13)
        if len(header) < 13:
            return False
        _skip_colours(file, header[10])
        while label := file.read(1):
            if label[0] == _GIF_TRAILER:
                return True
            if label[0] == _GIF_IMAGE:
                descriptor = file.read(9)
                _skip_colours(file, descriptor[-1] if descriptor else 0)
                file.seek(1, 1)  # bits of the first code
            elif label[0] == _GIF_EXTENSION:
                file.seek(1, 1)  # its kind
            else:
                return None
            while size := file.read(1)[:1].strip(b"\0"):
                file.seek(size[0], 1)
    return False


def _skip_colours(file: BinaryIO, flags: int) -> None:
    """Skip the table of colours that a GIF file has after these flags."""
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)


def _segment_is_complete(path: Path) -> bool | None:
    """Whether a Matroska file has all bytes of its segment, False if it ends within a cluster; None if this is unknown."""
    whole = path.stat().st_size
    with path.open("rb") as file:
        if _number(file, keep_marker=True) != _EBML:
            return None
        file.seek(_number(file, keep_marker=False) or 0, 1)
        if _number(file, keep_marker=True) != _SEGMENT:
            return None
        size = _number(file, keep_marker=False)
        if size is not None and file.tell() + size <= whole:
            return True
        while (kind := _number(file, keep_marker=True)) is not None:
            size = _number(file, keep_marker=False)
            if size is None:
                return None
            if file.seek(size, 1) > whole:
                return False if kind == _CLUSTER else None
    return None


def _number(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """Read an EBML number of variable length; None at the end, and for a size that is stated as unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    value = first[0] if keep_marker else first[0] & ((1 << (8 - length)) - 1)
    rest = file.read(length - 1)
    if len(rest) < length - 1:
        return None
    value = int.from_bytes(bytes([value]) + rest, "big")
    return None if not keep_marker and value == (1 << (7 * length)) - 1 else value
