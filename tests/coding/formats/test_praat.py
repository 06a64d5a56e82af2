"""TextGrids: read back by praatio, and its files and Praat's short and UTF-16 ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from praatio import textgrid
from praatio.utilities.constants import Interval

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.formats.praat import read_praat, write_praat
from fercli.errors import DataError


def test_write_praat__is_read_by_praatio(video: VideoAnnotations, name: str, tmp_path: Path):
    path = tmp_path / "a.TextGrid"
    write_praat(path, video, end_s=5.0)
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, duplicateNamesMode="error")
    assert (grid.minTimestamp, grid.maxTimestamp, grid.tierNames) == (0, 5, ("Person 1", name))
    assert grid.getTier("Person 1").entries == (
        Interval(0, 1.5, "neutral"),
        Interval(1.5, 2.0004, "happiness"),
        Interval(2.0004, 2.5, ""),
        Interval(2.5, 3.25, "neutral"),
        Interval(3.25, 5, ""),
    )
    assert list(tmp_path.iterdir()) == [path]


def test_read_praat__returns_what_was_written(video: VideoAnnotations, tmp_path: Path):
    write_praat(tmp_path / "a b.TextGrid", replace(video, spans=((1.0, 2.0),)), end_s=5.0)
    (read,) = read_praat(tmp_path / "a b.TextGrid")
    assert (read.video, read.end_s, read.spans) == ("a b", 5.0, ((1.0, 2.0),))
    assert dict(read.tiers) == dict(video.tiers)


@pytest.mark.parametrize("form", ["short_textgrid", "long_textgrid"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_read_praat__takes_files_that_praatio_wrote(form: str, encoding: str, tmp_path: Path):
    grid = textgrid.Textgrid(0, 3)
    grid.addTier(textgrid.IntervalTier("Zoë 2", [(0.5, 1.25, "happy 3")], 0, 3))
    grid.addTier(textgrid.PointTier("claps", [(1.5, "x")], 0, 3))
    path = tmp_path / "a.TextGrid"
    grid.save(str(path), format=form, includeBlankSpaces=True)
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    (read,) = read_praat(path)
    assert (read.end_s, dict(read.tiers)) == (3, {"Zoë 2": (Annotation("happy 3", 0.5, 1.25),)})


@pytest.mark.parametrize("text", ["", "ooTextFile", 'File type = "ooTextFile"\nObject class = "Pitch"\n'])
def test_read_praat__refuses_other_files(text: str, tmp_path: Path):
    (tmp_path / "a.TextGrid").write_text(text)
    with pytest.raises(DataError, match="not a TextGrid"):
        read_praat(tmp_path / "a.TextGrid")


def test_praat__a_note_is_a_point_that_praatio_reads_and_fer_ignores(tmp_path: Path):
    tiers = {"Anna": (Annotation("sadness", 0.5, 1.0),)}
    video = VideoAnnotations("a.mp4", tiers, 2.0, note='resting expression subtracted: Anna ("0:00-0:10")')
    write_praat(tmp_path / "a.TextGrid", video, end_s=2.0)
    textgrid = pytest.importorskip("praatio.textgrid")
    grid = textgrid.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    assert grid.tierNames == ("Anna", "note")
    (point,) = grid.getTier("note").entries
    assert (point.time, point.label.replace('""', '"')) == (0, video.note)
    (read,) = read_praat(tmp_path / "a.TextGrid")
    assert dict(read.tiers) == tiers
