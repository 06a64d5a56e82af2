from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fercli.system import cache


def test_cache_folder__fer_cache_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    assert cache.cache_folder() == tmp_path
    assert cache.engine_folder() == tmp_path / "tensorrt"
    monkeypatch.setenv("FER_CACHE", "~/models")
    assert cache.cache_folder() == Path.home() / "models"


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of Linux")
def test_cache_folder__is_fercli_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("FER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "fercli"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == Path.home() / ".cache" / "fercli"
