"""Where downloads, converted weights and their receipts lie: one folder per user, or the one that FER_CACHE names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "FER_CACHE"


def cache_folder() -> Path:
    """FER_CACHE, else the platform's folder for caches; it need not exist."""
    told = os.environ.get(VARIABLE, "")
    if told:
        return Path(told).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fercli"


def downloads_folder() -> Path:
    """Files as they were published."""
    return cache_folder() / "downloads"


def pulled_folder() -> Path:
    """Weights in our form, found by name wherever weights are asked for."""
    return cache_folder() / "weights"


def receipts_folder() -> Path:
    """What was pulled from where, with hashes; they outlive the files."""
    return cache_folder() / "receipts"
