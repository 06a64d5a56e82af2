"""The folders where downloads, converted weights and compiled engines are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "FER_CACHE"


def cache_folder() -> Path:
    """Return the folder that FER_CACHE names, else the platform's cache folder for this user; it may not exist yet."""
    override = os.environ.get(VARIABLE, "")
    if override:
        return Path(override).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("fercli", appauthor=False, opinion=False)


def downloads_folder() -> Path:
    """Return the folder of downloaded files, exactly as published."""
    return cache_folder() / "downloads"


def pulled_folder() -> Path:
    """Return the folder of weights in this project's format; commands look weights up here by name."""
    return cache_folder() / "weights"


def receipts_folder() -> Path:
    """Return the folder of receipts: where each download came from, with its hash, also after files are deleted."""
    return cache_folder() / "receipts"


def engine_folder() -> Path:
    """Return the folder of TensorRT engines and timing caches that were built on this machine."""
    return cache_folder() / "tensorrt"
