"""Names with quotes, line breaks and control characters: what is exported is still read by the libraries of each format."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from praatio import textgrid
from pympi.Elan import Eaf

from fercli.cli.main import main
from fercli.coding.annotations import VideoAnnotations
from fercli.coding.formats.plain_names import with_plain_names
from fercli.errors import ExitCode

LABEL = 'hap"pi\x07ness\n<2> & \ufffe\x00'
PERSON = "An\r\nna\x1b[31m 'Zoë' \\ \uffff]]>\x85\ud83d"  # ends in half of a character
SOURCE = 'in/ta\x01l"k\t\n\udcff.mp4'  # with a byte that is not UTF-8
PLAIN_LABEL = 'hap"pi\ufffdness <2> & \ufffd\ufffd'
PLAIN_PERSON = "An  na\ufffd[31m 'Zoë' \\ \ufffd]]> \ufffd"
PLAIN_SOURCE = 'ta\ufffdl"k  \ufffd.mp4'


@pytest.fixture
def table(rows_of, tmp_path: Path) -> Path:
    """JSON lines of another program, which can hold every character."""
    path = tmp_path / "rows.jsonl"
    lines = []
    for row in rows_of("nnnnnnhhhhhh"):
        record = json.loads(row.to_json().replace('"happiness"', json.dumps(LABEL)))
        lines.append(json.dumps({**record, "source": SOURCE, "person": PERSON}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _export(table: Path, to: str, out: Path) -> None:
    assert main(["events", str(table), "--to", to, "--out", str(out), "--smooth", "0", "-q"]) == ExitCode.DONE


def test_elan__is_read_by_pympi(table: Path, tmp_path: Path):
    _export(table, "elan", tmp_path / "out")
    (path,) = (tmp_path / "out").glob("*.eaf")
    eaf = Eaf(path)
    assert list(eaf.get_tier_names()) == [PLAIN_PERSON]
    assert eaf.get_annotation_data_for_tier(PLAIN_PERSON) == [(0, 600, "neutral"), (600, 1200, PLAIN_LABEL)]
    assert eaf.get_linked_files()[0]["MEDIA_URL"] == f"./{PLAIN_SOURCE}"
    assert PLAIN_LABEL in [value[0][0][0] for value in eaf.get_cv_entries("expressions").values()]


def test_praat__is_read_by_praatio(table: Path, tmp_path: Path):
    _export(table, "praat", tmp_path / "out")
    (path,) = (tmp_path / "out").glob("*.TextGrid")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == (PLAIN_PERSON,)
    assert [entry.label for entry in grid.getTier(PLAIN_PERSON).entries] == ["neutral", PLAIN_LABEL]


def test_boris__is_read_by_json(table: Path, tmp_path: Path):
    _export(table, "boris", tmp_path / "a.boris")
    project = json.loads((tmp_path / "a.boris").read_text(encoding="utf-8"))
    (observation,) = project["observations"].values()
    assert [event[1:3] for event in observation["events"]] == [[PLAIN_PERSON, "neutral"]] * 2 + [
        [PLAIN_PERSON, PLAIN_LABEL]
    ] * 2
    assert observation["file"]["1"] == list(observation["media_info"]["length"]) == [PLAIN_SOURCE]
    assert {item["code"] for item in project["behaviors_conf"].values()} == {"neutral", PLAIN_LABEL, "sadness"}


def test_csv__is_read_by_csv(table: Path, tmp_path: Path):
    _export(table, "csv", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert len(rows) == 2
    assert rows[1]["expression"].startswith('hap"pi')
    assert rows[1]["offset_s"] == "1.2"


def test_with_plain_names__keeps_people_apart():
    video = with_plain_names(VideoAnnotations("a.mp4", {"A\n": (), "A\t": (), "A": ()}))
    assert list(video.tiers) == ["A ", "A  2", "A"]
