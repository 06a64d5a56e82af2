"""Count the scans of a JPEG: each goes over all pixels, so a small file of hundreds takes minutes."""

from __future__ import annotations

import io
import re
from pathlib import Path

_MOST = 50  # encoders write about ten
_PROGRESSIVE, _SCAN, _END = 0xC2, 0xDA, 0xD9
_BASELINE = (0xC0, 0xC1)
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in the data of a scan, but for zeros and restarts


def has_many_scans(file: Path | io.BytesIO) -> bool:
    """Whether a progressive JPEG has more scans than encoders write."""
    content = file.read_bytes() if isinstance(file, Path) else file.getvalue()
    position, scans, is_progressive = 2, 0, False
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == _END or marker in _BASELINE:
            break
        is_progressive = is_progressive or marker == _PROGRESSIVE
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        if marker == _SCAN:
            scans += 1
            found = _MARKER.search(content, position)
            if scans > _MOST or found is None:
                break
            position = found.start()
    return is_progressive and scans > _MOST
