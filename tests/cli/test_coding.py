"""`fer summary` and `fer events` on tables of predictions."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.results import Face, Prediction
from fercli.rows.formats import open_table
from fercli.rows.run_record import RunRecord

CLASSES = ("neutral", "happiness")


def _row(frame: int, happiness: float, track: int = 1, status: str = "ok") -> Prediction:
    values = {"neutral": 1 - happiness, "happiness": happiness}
    label = max(values, key=lambda name: values[name])
    face = Face((0, 0, 50, 50), 0.99, None)
    return Prediction("in/a.mp4", status, frame, frame / 10, 0, face, label, values, track=track)  # type: ignore[arg-type]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two people: 1 s of neutral and 1 s of happiness, and half a second that is uncertain; one in view for 0.2 s."""
    rows = [_row(frame, 0.1 if frame < 10 else 0.9) for frame in range(20)]
    rows += [_row(frame, 0.55, status="uncertain") for frame in range(20, 25)]
    rows += [_row(frame, 0.9, track=2) for frame in range(25, 27)]
    with open_table(tmp_path / "rows.csv", CLASSES, run=RunRecord("fer 1", labels=CLASSES)) as file:
        file.add(rows)
    return tmp_path / "rows.csv"


def test_summary__prints_and_writes_time_per_expression(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "summary.csv"
    assert main(["summary", str(table), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "uncertain (%)" in printed
    assert ["a.mp4", "Track", "1", "2.5", "40.0", "40.0", "20.0", "90", "%", "2"] in [
        line.split() for line in printed.splitlines()
    ]
    with out.open(newline="") as file:
        person, video = csv.DictReader(file)  # the second person is in view too briefly
    assert (person["share_happiness"], person["share_uncertain"], person["episodes"]) == ("0.4", "0.2", "2")
    assert (video["in_view_s"], video["seconds_happiness"]) == ("2.7", "1.2")
    assert main(["summary", str(table), "--out", str(out)]) == 1
    assert main(["summary", str(table), "--min-view", "0", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["level"], line["track"], line["person"]) for line in lines] == [
        ("track", "1", None),
        ("track", "2", None),
        ("video", None, None),
    ]


def test_processing_log__of_every_command_has_what_was_read_and_stored(table: Path, tmp_path: Path):
    log, names, coded = tmp_path / "log.jsonl", tmp_path / "names.csv", tmp_path / "anna.csv"
    names.write_text("track,name\n1,Anna\n")
    coded.write_text("video,person,label,onset,offset\na,1,neutral,0,1\n")
    commands = [
        ["summary", str(table), "--people", str(names), "--out", str(tmp_path / "summary.csv")],
        ["events", str(table), "--out", str(tmp_path / "events.csv")],
        ["baseline", str(table), "0:00-0:01", "--save", str(tmp_path / "rest.csv")],
        ["agree", str(coded), str(table), "--out", str(tmp_path / "agreement")],
        ["agree", "sample", str(table), "--minutes", "0.1", "--no-pictures", "--out", str(tmp_path / "to-code")],
    ]
    for command in commands:
        assert main([*command, "--processing-log", str(log)]) == 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    read = [Path(event["source"]).name for event in events if event["event"] == "read file"]
    assert read == ["rows.csv", "names.csv", "rows.csv", "rows.csv", "anna.csv", "rows.csv", "rows.csv"]
    stored = {Path(event["path"]).name for event in events if event["event"] == "stored"}
    assert {"summary.csv", "events.csv", "rest.csv", "agreement.json", "a.eaf", "sample.csv"} <= stored
    assert [event["command"].split()[1] for event in events if event["event"] == "started"] == [
        command[0] for command in commands
    ]
    assert [event["outcome"] for event in events if event["event"] == "ended"] == ["done"] * 5
    assert "read: 2 files" in (tmp_path / "log.txt").read_text(encoding="utf-8")


def test_people__names_tracks_of_a_saved_table(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    names = tmp_path / "names.csv"
    names.write_text("source,track,name\na.mp4,1,Anna\na.mp4,7,Zed\n")
    out = tmp_path / "summary.csv"
    assert main(["summary", str(table), "--people", str(names), "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "Anna" in shown.out
    assert "the name Zed (line 3) is not used: a.mp4 has no track 7" in shown.err
    with out.open(newline="") as file:
        person, _ = csv.DictReader(file)
    assert (person["level"], person["track"], person["person"]) == ("person", "1", "Anna")
    assert json.loads((tmp_path / "summary.csv.settings.json").read_text())["settings"]["names of people"] == "given"
    assert main(["events", str(table), "--people", str(names), "--json"]) == 0
    assert {json.loads(line)["person"] for line in capsys.readouterr().out.splitlines()} == {"Anna"}


def test_events__names_tracks_without_an_episode(table: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["events", str(table), "--expressions", "happy", "--enter", "0.99"]) == 0
    assert "a.mp4: no episode of Track 1" in capsys.readouterr().err


def test_events__prints_writes_and_refuses(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    plain = ["--smooth", "0", "--merge-gap", "0", "--min-duration", "0"]
    assert main(["events", str(table), *plain, "--expressions", "happy"]) == 0
    assert "0:01.00" in capsys.readouterr().out
    assert main(["events", str(table), *plain, "--out", str(tmp_path / "events.csv"), "--bom"]) == 0
    with (tmp_path / "events.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["track"], row["expression"], row["onset_s"], row["duration_s"]) for row in rows] == [
        ("1", "neutral", "0.0", "1.0"),
        ("1", "happiness", "1.0", "1.5"),
    ]
    assert main(["events", str(table), "--to", "elan"]) == 2
    assert "fix: --to elan --out elan" in capsys.readouterr().err
    assert main(["events", str(table), "--to", "anvil", "--out", "x"]) == 2
    assert main(["events", str(tmp_path / "none.csv")]) == 3
    assert main(["events", str(table), "--enter", "0.3", "--leave", "0.5"]) == 2


def test_summary_and_events__state_a_baseline(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    new = str(tmp_path / "new.csv")
    assert main(["baseline", str(table), "0:00-0:01", "--save", new]) == 0
    capsys.readouterr()
    for command in ("summary", "events"):
        assert main([command, new]) == 0
        assert "Resting expression subtracted for 1 of 1 track: 0:00-0:01\n" in capsys.readouterr().out
        assert main([command, str(table)]) == 0
        assert "Resting" not in capsys.readouterr().out


def test_events__need_rows_of_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with open_table(tmp_path / "rows.csv", CLASSES) as file:
        file.add([Prediction("a.jpg", "no_face", detail="no face detected")])
    assert main(["events", str(tmp_path / "rows.csv")]) == 3
    assert "no rows of videos" in capsys.readouterr().err


def test_agree__of_a_hand_coding(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    coded = tmp_path / "anna.csv"
    coded.write_text("video,person,label,onset,offset\na,1,neutral,0,1\na,1,smile,1,2\n")
    out = tmp_path / "out"
    command = ["agree", str(coded), str(table), "--map", "smile=happiness"]
    assert main([*command, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert ["agreement", "100", "%"] in [line.split() for line in shown.splitlines()]
    assert (out / "agreement.json").is_file()
    assert main([*command, "--out", str(out)]) == 1
    assert main([*command, "--out", str(out), "--overwrite", "--json", "--quiet"]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["pairs"][0]["kappa"]["value"] == 1.0
    assert record["pairs"][0]["compared_s"] == 2.0


def test_agree__needs_two_codings_and_valid_options(table: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["agree", str(table)]) == 2
    assert main(["agree"]) == 2
    assert main(["agree", str(table), str(table), "--map", "smile"]) == 2
    assert main(["agree", str(table), "missing.eaf"]) == 3
    assert "no such file" in capsys.readouterr().err
    assert main(["agree", str(table), str(table), "--tolerance", "0.2"]) == 0


def test_agree__names_tracks_as_the_coder_does(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "ben.csv").write_text(
        "video,person,label,onset,offset\na,Ben,neutral,0,1\na,Cleo,happy,0,1\na,Dan,sad,0,2\n"
    )
    (tmp_path / "names.csv").write_text("source,track,name\na.mp4,1,Ben\na.mp4,9,Eve\n")
    command = ["agree", str(tmp_path / "ben.csv"), str(table), "--people", str(tmp_path / "names.csv"), "--json"]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["pairs"][0]["compared_s"] == 1.0
    assert "ben coded Cleo, Dan (3.0 s), whom nobody else has" in captured.err
    assert "Eve" in captured.err  # there is no track 9


def test_agree__shifts_the_clock_of_a_coding(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "anna.csv").write_text("video,person,label,onset,offset\na,1,neutral,0.5,1.5\na,1,joy,1.5,2.5\n")
    (tmp_path / "map.csv").write_text("label,expression\njoy,happiness\n")
    command = ["agree", str(tmp_path / "anna.csv"), str(table), "--map", str(tmp_path / "map.csv"), "--json"]
    assert main([*command, "--shift", "anna=-0,5"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"][0]["kappa"]["value"] == 1.0
    assert main([*command, "--shift", "anna"]) == 2
    assert main([*command, "--shift", "ben=1"]) == 2
    assert "no coding has this name" in capsys.readouterr().err


def test_agree_sample__writes_files_to_code(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "to-code"
    assert main(["agree", "sample", str(table), "--minutes", "0.1", "--segment", "1", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.eaf", "parts.csv", "sample.csv"]
    assert "uncertain" in capsys.readouterr().out
    assert main(["agree", "sample", str(table), "--to", "anvil", "--out", str(out)]) == 2
    capsys.readouterr()
    assert main(["agree", str(out), str(table), "--sample", str(out / "sample.csv")]) == 3
    assert "to-code has no coded event" in capsys.readouterr().err
