"""What the header of a media file states."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.media.details import MediaDetails, media_details


def test_media_details__are_those_of_the_header(write_clip, tmp_path: Path):
    silent = write_clip(tmp_path / "a.mp4", seconds=1.5, sound=False)
    assert media_details(silent) == MediaDetails(1.5, 20.0, has_sound=False)
    found = media_details(write_clip(tmp_path / "b.mp4", seconds=1.5, sound=True))
    assert found is not None
    assert (found.length_s, found.has_picture, found.has_sound) == (pytest.approx(1.5, abs=0.2), True, True)
    (tmp_path / "c.mp4").write_bytes(b"no video")
    assert media_details(tmp_path / "c.mp4") is None
    assert media_details(tmp_path / "missing.mp4") is None
