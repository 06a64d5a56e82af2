"""Episodes written for other tools: one file per video, media linked, nothing replaced."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pympi.Elan import Eaf

from fercli.coding.code import code_tables
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.export import export_events
from fercli.coding.formats.boris import read_boris
from fercli.coding.formats.elan import read_elan
from fercli.coding.formats.praat import read_praat
from fercli.coding.tables import write_summary
from fercli.errors import RefusedError, UsageError

OPTIONS = EpisodeOptions(smooth_s=0, min_duration_s=0, merge_gap_s=0)
HAPPY = ("happiness", 0.3, 0.6)


@pytest.fixture
def table(table_of, rows_of) -> Path:
    one = rows_of("nnnhhh", source="in/talk.mp4")
    return table_of(*one, *rows_of("hhs", source="other/talk.mov"))


def test_export_events__writes_a_file_per_video(table: Path, tmp_path: Path):
    coded = code_tables([table], OPTIONS)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "talk.mp4").touch()
    elan = export_events(coded, "elan", tmp_path / "elan", OPTIONS, media=tmp_path / "videos")
    assert [path.name for path in elan.paths] == ["in_talk.eaf", "other_talk.eaf"]
    assert elan.warnings == [
        f"{tmp_path / 'videos' / 'talk.mp4'}: no length could be read from its header, so it is that of the rows",
        "other/talk.mov was not found and is linked as talk.mov, with the length and frame rate of the rows: "
        "name its folder with --media",
    ]
    (read,) = read_elan(tmp_path / "elan" / "in_talk.eaf")
    assert read.video == "../videos/talk.mp4"
    assert [(item.label, item.onset_s, item.offset_s) for item in read.tiers["Track 1"]] == [
        ("neutral", 0, 0.3),
        HAPPY,
    ]
    praat = export_events(coded, "praat", tmp_path / "praat", OPTIONS)
    (grid,) = read_praat(praat.paths[0])
    assert (grid.end_s, grid.tiers["Track 1"]) == (0.6, read.tiers["Track 1"])
    boris = export_events(coded, "boris", tmp_path / "all.boris", OPTIONS, media=tmp_path / "videos")
    first, second = read_boris(boris.paths[0])
    assert (first.video, second.video) == ("videos/talk.mp4", "talk.mov")
    assert [item.label for item in second.tiers["Track 1"]] == ["happiness", "sadness"]


def test_export_events__replaces_nothing_and_checks_names(table: Path, tmp_path: Path):
    coded = code_tables([table], OPTIONS)
    with pytest.raises(UsageError, match=r"writes a \.boris file"):
        export_events(coded, "boris", tmp_path / "all.json", OPTIONS)
    with pytest.raises(UsageError, match="one file per video"):
        export_events(coded, "elan", table, OPTIONS)
    (tmp_path / "other_talk.eaf").write_text("mine")
    with pytest.raises(RefusedError, match=r"other_talk\.eaf already exists"):
        export_events(coded, "elan", tmp_path, OPTIONS)
    assert not (tmp_path / "in_talk.eaf").exists()
    export_events(coded, "elan", tmp_path, OPTIONS, overwrite=True)


def test_coded_tables__keep_some_expressions(table: Path):
    coded = code_tables([table], OPTIONS)
    assert [item.expression for item in coded.only(["Happy"]).episodes] == ["happiness", "happiness"]
    with pytest.raises(UsageError, match="joyless is not among the classes"):
        coded.only(["joyless"])


def test_export_events__states_whose_resting_expression_was_subtracted(table_of, rows_of, tmp_path: Path):
    rows = [*rows_of("nnhh"), *rows_of("nnhh", track=2)]
    rows = [replace(row, baseline="0:00.0 to 0:05.0") if row.track == 1 else row for row in rows]
    rows.sort(key=lambda row: row.frame)
    coded = code_tables([table_of(*rows)], OPTIONS, min_view_s=0)
    note = "resting expression subtracted: Track 1 (0:00.0 to 0:05.0); not subtracted: Track 2"
    export_events(coded, "boris", tmp_path / "a.boris", OPTIONS)
    (observation,) = json.loads((tmp_path / "a.boris").read_text(encoding="utf-8"))["observations"].values()
    assert observation["description"] == note
    export_events(coded, "elan", tmp_path / "elan", OPTIONS)
    assert ("note", note) in Eaf(tmp_path / "elan" / "a.eaf").properties
    export_events(coded, "csv", tmp_path / "events.csv", OPTIONS)
    with (tmp_path / "events.csv").open(newline="", encoding="utf-8") as file:
        assert {(row["track"], row["baseline"]) for row in csv.DictReader(file)} == {
            ("1", "0:00.0 to 0:05.0"),
            ("2", ""),
        }
    write_summary(tmp_path / "summary.csv", coded.summaries, coded.classes, coded.run, OPTIONS, bom=False)
    with (tmp_path / "summary.csv").open(newline="", encoding="utf-8") as file:
        assert [row["baseline"] for row in csv.DictReader(file)] == ["0:00.0 to 0:05.0", "", "1 of 2 tracks"]
