"""A stratified sample of parts to code, and the empty files to code it in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from praatio import textgrid
from pympi.Elan import Eaf

from fercli.coding.coders import read_coder
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.sample import CodingSample, draw_sample, read_sample
from fercli.coding.sample_files import write_empty
from fercli.errors import DataError, RefusedError
from fercli.rows.read import SavedRows, read_rows


@pytest.fixture
def rows(table_of, rows_of) -> SavedRows:
    """120 s at two frames a second: 20 s with happiness, 10 s with sadness for a second, 10 s without anybody."""
    text = ["n" * 20] * 9 + ["nnnnhhhh" + "n" * 12, "h" * 20, "n" * 18 + "ss"] + ["." * 20]
    return read_rows(table_of(*rows_of("".join(text), fps=2, source="in/a.mp4")))


@pytest.fixture
def sample(rows: SavedRows) -> CodingSample:
    return draw_sample(rows, minutes=1, seed=1)


def test_sample__draws_every_stratum_and_nothing_without_a_face(sample: CodingSample):
    assert sample.seconds == 60
    assert Counter(item.stratum for item in sample.segments) == {"neutral": 3, "happiness": 2, "sadness": 1}
    assert [item.begin_s for item in sample.segments] == sorted(item.begin_s for item in sample.segments)
    assert all(item.begin_s < 120 and item.end_s - item.begin_s == 10 for item in sample.segments)
    assert sample.people == {"in/a.mp4": (1,)}


def test_sample__is_the_same_for_a_seed_and_all_if_there_is_less(rows: SavedRows, sample: CodingSample):
    assert draw_sample(rows, minutes=1, seed=1) == sample
    assert draw_sample(rows, minutes=1, seed=2) != sample
    assert draw_sample(rows, minutes=60).seconds == 120


def test_sample__needs_a_face(table_of, rows_of):
    with pytest.raises(DataError, match="no video with a face"):
        draw_sample(read_rows(table_of(*rows_of("...."))), minutes=1)


@pytest.mark.parametrize(
    ("to", "name"), [("elan", "a.eaf"), ("praat", "a.TextGrid"), ("csv", "to-code.csv"), ("boris", "to-code.boris")]
)
def test_write_empty__has_the_people_and_the_parts(sample: CodingSample, classes, to: str, name: str, tmp_path: Path):
    paths = write_empty(tmp_path / to, sample, to, classes=classes, media=None, overwrite=False).paths
    assert [path.name for path in paths] == ["sample.csv", "parts.csv", name]
    spans = tuple((item.begin_s, item.end_s) for item in sample.segments)
    assert read_sample(paths[0]) == {"in/a.mp4": spans}
    assert "stratum" not in paths[1].read_text(encoding="utf-8")
    assert read_sample(paths[1]) == {"in/a.mp4": spans}
    with pytest.raises(RefusedError, match=r"sample\.csv already exists"):
        write_empty(tmp_path / to, sample, to, classes=classes, media=None, overwrite=False)
    coder = read_coder(paths[2], EpisodeOptions())
    if to in ("elan", "praat"):
        assert coder.videos["a"].frames.spans == spans
        assert coder.videos["a"].frames.tiers == {"Track 1": ()}


def test_write_empty__is_read_by_pympi_and_praatio(sample: CodingSample, classes, tmp_path: Path):
    eaf = Eaf(write_empty(tmp_path / "e", sample, "elan", classes=classes, media=None, overwrite=False).paths[2])
    assert set(eaf.get_tier_names()) == {"Track 1", "to code"}
    assert len(eaf.get_annotation_data_for_tier("to code")) == len(sample.segments)
    path = write_empty(tmp_path / "p", sample, "praat", classes=classes, media=None, overwrite=False).paths[2]
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert [entry.label for entry in grid.getTier("to code").entries] == ["code this"] * len(sample.segments)


def test_read_sample__of_a_spreadsheet(tmp_path: Path):
    (tmp_path / "a.csv").write_text("Source;Begin_s;End_s\n a.mp4;0,5;2\n", encoding="utf-8")
    assert read_sample(tmp_path / "a.csv") == {"a.mp4": ((0.5, 2.0),)}


def test_read_sample__refuses_other_files(tmp_path: Path):
    (tmp_path / "a.csv").write_text("source,begin\nx,1\n")
    with pytest.raises(DataError, match=r"not a sample\.csv"):
        read_sample(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("source,begin_s,end_s\nx,5,1\n")
    with pytest.raises(DataError, match="line 2: 5 to 1 s is not a part of a video"):
        read_sample(tmp_path / "a.csv")


def test_read_sample__takes_what_a_spreadsheet_saves(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes("source;begin_s;end_s\r\nJörg.mp4;0,5;10\r\n;;\r\n".encode("cp1252"))
    assert read_sample(tmp_path / "a.csv") == {"Jörg.mp4": ((0.5, 10.0),)}
