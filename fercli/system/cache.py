"""The folders where downloads, converted weights and compiled engines are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "FER_CACHE"


def cache_folder() -> Path:
    """The folder that FER_CACHE names, else the platform's cache folder for this user; it may not exist yet."""
    override = os.environ.get(VARIABLE, "")
    if override:
        return Path(override).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("fercli", appauthor=False, opinion=False)


def downloads_folder() -> Path:
    """Downloaded files, exactly as published."""
    return cache_folder() / "downloads"


def pulled_folder() -> Path:
    """Weights converted to this project's format; commands look weights up here by name."""
    return cache_folder() / "weights"


def receipts_folder() -> Path:
    """Where each download came from, with its hash; receipts stay when the files are deleted."""
    return cache_folder() / "receipts"


def engine_folder() -> Path:
    """TensorRT engines and timing caches that were built on this machine."""
    return cache_folder() / "tensorrt"
