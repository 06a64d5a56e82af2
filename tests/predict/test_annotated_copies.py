"""Annotated copies: names, sizes, times, and no incomplete file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import RefusedError
from fercli.media.images import read_rgb, write_image
from fercli.media.sources import Source, find_sources
from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter
from fercli.predict.annotated_copies import AnnotatedCopies
from fercli.results import Prediction

NO_FACE = [Prediction("x", "no_face", detail="no face detected")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture, a file that is not one, and a clip of 10 frames."""
    folder = tmp_path / "in"
    write_image(folder / "a.png", np.full((80, 90, 3), 99, np.uint8))
    with VideoWriter(folder / "b.mp4") as writer:
        for number in range(10):
            writer.write(np.full((80, 90, 3), 99, np.uint8), number / 10)
    return folder


def _add_video(copies: AnnotatedCopies, source: Source) -> None:
    with VideoReader(source.path) as video:
        for frame in video:
            assert frame.rgb is not None
            copies.add(source, frame.rgb, NO_FACE, time_s=frame.time_s)


def test_annotated_copies__keep_names_sizes_and_times(folder: Path, tmp_path: Path):
    out = tmp_path / "out"
    picture, clip = sources = find_sources([str(folder)])
    with AnnotatedCopies(out, sources) as copies:
        copies.add(picture, read_rgb(picture.path), NO_FACE)
        _add_video(copies, clip)
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.mp4"]
    assert read_rgb(out / "a.png").shape == (320, 360, 3)  # small, so enlarged four times
    with VideoReader(out / "b.mp4") as video:
        np.testing.assert_allclose([frame.time_s for frame in video], np.arange(10) / 10, atol=1e-4)
    with pytest.raises(RefusedError, match="already"):
        AnnotatedCopies(out, sources)
    AnnotatedCopies(out, sources, overwrite=True)


def test_annotated_copies__give_every_source_its_own_name(tmp_path: Path):
    for name in ("x/a.png", "y/a.png", "y/still.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    copies = AnnotatedCopies(tmp_path / "out", find_sources([str(tmp_path / "x"), str(tmp_path / "y")]))
    assert [path.name for path in copies.paths.values()] == ["a.png", "a-2.png", "still.gif.png"]


def test_annotated_copies__leave_no_incomplete_video(folder: Path, tmp_path: Path):
    (clip,) = find_sources([str(folder / "b.mp4")])

    def interrupted() -> None:
        with AnnotatedCopies(tmp_path / "out", [clip]) as copies:
            _add_video(copies, clip)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "out").iterdir()) == []
