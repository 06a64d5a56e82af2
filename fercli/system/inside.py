"""Paths that a file names: inside its folder, or refused."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file that another file names, relative to `folder`.

    Raises: ValueError, as a reason for the line, for an absolute name or one with `..`, in the form of any system.
    """
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(name)
        if path.anchor or ".." in path.parts or "\0" in name:
            raise ValueError(f"{name!r} leads outside the folder")
    return folder / name
