"""Names of files: those that Windows, macOS and Linux accept, and those that a pattern matches."""

from __future__ import annotations

import os
import re
import unicodedata
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import TypeVar

_AnyPath = TypeVar("_AnyPath", bound=PurePath)

_ON_WINDOWS = os.name == "nt"
_WINDOWS_LENGTH = 260  # of a path, with the null character after it
LONG_PATHS = "a shorter path (Windows allows 259 characters), or turn on long paths in the settings of Windows"
_REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f]')  # by Windows, in any name
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?= *(?:\.|$))", re.IGNORECASE)


def portable_path(path: _AnyPath) -> _AnyPath:
    """Return a relative path with every part as a name that each system accepts; valid names stay as they are.

    Windows refuses some characters, names of devices such as `con.jpg`, and names that end in a dot or a space.
    """
    return type(path)(*(portable_name(part) for part in path.parts))


def portable_name(name: str) -> str:
    """Return one name, with `_` for what a system refuses."""
    if name in {".", ".."}:
        return name
    name = _REFUSED.sub("_", name)
    name = re.sub(r"[. ]+$", lambda end: "_" * len(end[0]), name)
    return _DEVICES.sub(r"\1_", name, count=1) if _DEVICES.match(name) else name


def clash_key(path: PurePath) -> str:
    """Return a text that is equal for paths of one file: Windows and macOS ignore case, macOS the form of accents."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def matches_source(name: str, pattern: str | None) -> bool:
    """Whether a source has a name or matches a pattern, both also of the end of its path; None matches every source."""
    return pattern is None or name == pattern or fnmatchcase(name, pattern) or Path(name).match(pattern)


def is_too_long(path: Path) -> bool:
    """Whether Windows refuses a path for its length, unless long paths are turned on; it then says that there is no such file."""
    return _ON_WINDOWS and len(str(path.absolute())) >= _WINDOWS_LENGTH
