from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fercli.system.digest import file_sha256, file_state


def test_file_sha256__is_the_published_one(tmp_path: Path):
    # FIPS 180-2, appendix B.1
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_file_sha256__refuses_what_has_no_end(tmp_path: Path):
    # an archive may contain a link to a device, and a pipe never ends
    (tmp_path / "a.png").symlink_to(os.devnull)
    with pytest.raises(OSError, match="not a regular file"):
        file_sha256(tmp_path / "a.png")


def test_file_state__changes_with_the_file_and_is_zero_without(tmp_path: Path):
    assert file_state(tmp_path / "a") == (0, 0)
    (tmp_path / "a").write_bytes(b"abc")
    size, modified_ns = file_state(tmp_path / "a")
    assert size == 3
    assert modified_ns > 0
