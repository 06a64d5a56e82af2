"""Exports state length, frame rate and tracks of the video itself, not those of the rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from praatio import textgrid

from fercli.coding.code import code_tables
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.export import export_events
from fercli.coding.media_links import Media, MediaFolder, link_media, warn_of_missing
from fercli.coding.people_page import Moment
from fercli.coding.sample import draw_sample
from fercli.coding.sample_files import write_empty
from fercli.rows.read import read_rows

OPTIONS = EpisodeOptions(smooth_s=0, min_duration_s=0, merge_gap_s=0)


@pytest.fixture
def table(table_of, rows_of, write_clip, tmp_path: Path) -> Path:
    """The first 0.6 s of a clip of 4 s, at ten of its twenty frames a second."""
    clip = write_clip(tmp_path / "talk.mp4", seconds=4.0, sound=True)
    return table_of(*rows_of("nnnhhh", source=str(clip)))


def test_export_events__boris_has_length_rate_and_sound_of_the_video(table: Path, tmp_path: Path):
    written = export_events(code_tables([table], OPTIONS), "boris", tmp_path / "out" / "a.boris", OPTIONS)
    assert written.warnings == []
    (observation,) = json.loads((tmp_path / "out" / "a.boris").read_text(encoding="utf-8"))["observations"].values()
    assert observation["file"]["1"] == ["../talk.mp4"]
    info = {name: values["../talk.mp4"] for name, values in observation["media_info"].items() if name != "offset"}
    assert info == {"length": pytest.approx(4.0, abs=0.2), "fps": 20.0, "hasVideo": True, "hasAudio": True}


def test_export_events__a_textgrid_spans_the_whole_video(table: Path, tmp_path: Path):
    written = export_events(code_tables([table], OPTIONS), "praat", tmp_path / "praat", OPTIONS)
    grid = textgrid.openTextgrid(str(written.paths[0]), includeEmptyIntervals=True)
    assert grid.maxTimestamp == pytest.approx(4.0, abs=0.2)
    assert [tier.entries[-1].label for tier in grid.tiers] == [""]
    assert grid.tiers[0].entries[-1].end == grid.maxTimestamp


def test_export_events__ends_with_the_video(table_of, rows_of, write_clip, tmp_path: Path):
    # read at two frames a second, the last frame seems to last until 2.0 s
    clip = write_clip(tmp_path / "talk.mp4", seconds=1.6, sound=False)
    coded = code_tables([table_of(*rows_of("nnhh", fps=2, source=str(clip)))], OPTIONS)
    written = export_events(coded, "praat", tmp_path / "praat", OPTIONS)
    (tier,) = textgrid.openTextgrid(str(written.paths[0]), includeEmptyIntervals=True).tiers
    assert [tuple(entry) for entry in tier.entries] == [(0, 1, "neutral"), (1, 1.6, "happiness")]
    written = export_events(coded, "boris", tmp_path / "a.boris", OPTIONS)
    (observation,) = json.loads(written.paths[0].read_text(encoding="utf-8"))["observations"].values()
    assert [row[0] for row in observation["events"]] == [0.0, 1.0, 1.0, 1.6]


def test_write_empty__files_to_code_span_the_whole_video(table: Path, tmp_path: Path, classes):
    sample = draw_sample(read_rows(table), minutes=1)
    written = write_empty(tmp_path / "praat", sample, "praat", classes=classes, media=None, overwrite=False)
    assert textgrid.openTextgrid(str(written.paths[2]), False).maxTimestamp == pytest.approx(4.0, abs=0.2)
    written = write_empty(tmp_path / "boris", sample, "boris", classes=classes, media=None, overwrite=False)
    (observation,) = json.loads(written.paths[2].read_text(encoding="utf-8"))["observations"].values()
    assert observation["media_info"]["fps"] == {"../talk.mp4": 20.0}


def test_link_media__says_what_is_taken_from_the_rows(write_clip, tmp_path: Path):
    warnings: list[str] = []
    assert link_media("in/a.mp4", tmp_path, MediaFolder(None), end_s=2.0, fps=10.0, warnings=warnings) == Media(
        "a.mp4", 2.0, 10.0
    )
    (tmp_path / "a.mp4").write_bytes(b"no video")
    assert link_media("a.mp4", tmp_path, MediaFolder(tmp_path), end_s=2.0, fps=10.0, warnings=warnings).length_s == 2.0
    write_clip(tmp_path / "b.mp4", seconds=1.0, sound=False)
    assert link_media("b.mp4", tmp_path, MediaFolder(tmp_path), end_s=9.0, fps=10.0, warnings=warnings).length_s == 9.0
    assert warnings == [
        f"{tmp_path / 'a.mp4'}: no length could be read from its header, so it is that of the rows",
        f"{tmp_path / 'b.mp4'} lasts 0:01.0, the rows 0:09.0: is it the video that was read?",
    ]


def test_warn_of_missing__is_one_sentence_about_all_videos(tmp_path: Path):
    (tmp_path / "here.mp4").write_bytes(b"x")
    warnings: list[str] = []
    media = MediaFolder(tmp_path)
    warn_of_missing(media, ["in/here.mp4"], warnings)
    assert warnings == []
    warn_of_missing(media, ["in/a.mp4", "in/here.mp4"], warnings)
    warn_of_missing(media, [f"in/{number}.mp4" for number in range(30)], warnings)
    assert warnings == [
        "in/a.mp4 was not found and is linked as a.mp4, with the length and frame rate of the rows: name its folder with --media",
        "30 videos were not found and are linked by name (0.mp4, 1.mp4, 2.mp4, 3.mp4, 4.mp4, ...), with the length and frame "
        "rate of the rows: name their folder with --media",
    ]


def test_write_empty__says_that_a_video_is_not_there(table_of, rows_of, tmp_path: Path):
    sample = draw_sample(read_rows(table_of(*rows_of("nnnnnnnnnn", source="in/away.mp4"))), minutes=1)
    written = write_empty(tmp_path / "elan", sample, "elan", classes=("neutral",), media=None, overwrite=False)
    assert [text.partition(",")[0] for text in written.warnings] == [
        "in/away.mp4 was not found and is linked as away.mp4"
    ]


def test_export_events__a_video_without_anybody_has_an_empty_tier(table_of, rows_of, tmp_path: Path):
    coded = code_tables([table_of(*rows_of("......"))], OPTIONS)
    for to in ("elan", "praat"):
        export_events(coded, to, tmp_path / to, OPTIONS)
    assert 'TIER_ID="Largest face"' in (tmp_path / "elan" / "a.eaf").read_text(encoding="utf-8")
    grid = textgrid.openTextgrid(str(tmp_path / "praat" / "a.TextGrid"), includeEmptyIntervals=True)
    assert grid.tierNames == ("Largest face",)
    assert [tuple(entry) for entry in grid.tiers[0].entries] == [(0, 0.6, "")]


def test_media_folder__has_copies_with_another_suffix(tmp_path: Path):
    # the copies of pseudonymised videos, whose sources have no file of their name
    (tmp_path / "file-1.mp4").touch()
    assert MediaFolder(tmp_path, ("file-1.mov",)).find("file-1.mov") == tmp_path / "file-1.mp4"
    assert MediaFolder(tmp_path, ("file-1.mov", "file-1.mp4")).find("file-1.mov") is None
    assert MediaFolder(tmp_path).find("file-2.mov") is None
    assert MediaFolder(None).find(str(tmp_path / "file-1.mp4")) == tmp_path / "file-1.mp4"


def test_write_empty__shows_who_is_who(table: Path, tmp_path: Path, classes):
    sample = draw_sample(read_rows(table), minutes=1)
    (moments,) = sample.moments.values()
    assert moments == {1: Moment(0.0, (10.0, 20.0, 60.0, 80.0))}
    written = write_empty(tmp_path / "a", sample, "csv", classes=classes, media=None, overwrite=False)
    assert (written.paths[-1].name, written.warnings) == ("people.html", [])
    page = written.paths[-1].read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 2
    assert "<b>Track 1</b><br>at 0:00.0" in page
    assert not any(name in page for name in classes)  # coders must not see what was predicted
    without = write_empty(tmp_path / "b", sample, "csv", classes=classes, media=None, overwrite=False, pictures=False)
    assert "people.html" not in [path.name for path in without.paths]
    (tmp_path / "talk.mp4").write_bytes(b"no video")
    damaged = write_empty(tmp_path / "c", sample, "csv", classes=classes, media=None, overwrite=False)
    assert "people.html does not show the people of talk.mp4" in damaged.warnings[0]
