"""The processing log: what was read, with what, when, and what was stored."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

import pytest

from fercli.errors import DataError, UsageError
from fercli.media.sources import find_sources
from fercli.predict.processing_log import ProcessingLog, read_log, shown_command
from fercli.results import Face, Prediction

FACE = Face((0.0, 0.0, 90.0, 90.0), 0.95, None)


def _log(path: Path, out: Path) -> ProcessingLog:
    return ProcessingLog(
        path, command="fer predict a.png", weights="toy, version 1", settings={"tracking": "on"}, outputs=[out]
    )


def test_log__has_what_was_read_and_stored_with_hashes(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"pixels")
    [source] = find_sources([str(tmp_path / "a.png")])
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.csv").write_text("from before")
    row = Prediction(source.name, "ok", None, None, 0, FACE, "a", {"a": 1.0})
    with _log(tmp_path / "log.jsonl", out) as log:
        log.add(source, [row, row], decoded=True)
        (out / "rows.csv").write_text("rows")
    started, read, stored, ended = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert (started["event"], started["command"], started["weights"]) == (
        "started",
        "fer predict a.png",
        "toy, version 1",
    )
    assert started["settings"] == {"tracking": "on"}
    assert (read["event"], read["source"], read["size"]) == ("read", str(tmp_path / "a.png"), 6)
    assert read["sha256"] == hashlib.sha256(b"pixels").hexdigest()
    assert (read["pictures"], read["frames"], read["faces"], read["fault"]) == (1, 0, 2, None)
    assert (stored["path"], stored["size"]) == (str(out / "rows.csv"), 4)
    assert stored["sha256"] == hashlib.sha256(b"rows").hexdigest()
    assert (ended["event"], ended["outcome"]) == ("ended", "done")
    assert datetime.fromisoformat(started["at"]).tzinfo is not None
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    for words in ("command: fer predict a.png", "tracking: on", "1 picture, 2 faces", "rows.csv: 4 bytes", ": done"):
        assert words in text


def test_log__names_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # a file without permission ended the run, and what the other files gave was lost
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.png").write_bytes(b"pixels")
    [source] = find_sources([str(tmp_path / "a.png")])
    monkeypatch.setattr("fercli.predict.processing_log.file_sha256", refuse)
    with _log(tmp_path / "log.jsonl", tmp_path / "out") as log:
        log.add(source, [Prediction(source.name, "unreadable", detail="permission denied")], decoded=False)
    _, read, _ = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert (read["sha256"], read["fault"]) == (None, "permission denied")


def test_log__of_several_runs_keeps_the_earlier_ones_also_killed_ones(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    with _log(path, tmp_path / "out"):
        pass
    with pytest.raises(KeyboardInterrupt), _log(path, tmp_path / "out"):
        raise KeyboardInterrupt
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[0].replace(json.loads(lines[0])["run"], "deadbeef"), lines[0][:20]]))
    assert [event["event"] for event in read_log(path)] == ["started", "ended"] * 2 + ["started"]
    path.write_text(path.read_text().rpartition("\n")[0] + "\n")
    with _log(path, tmp_path / "out"):
        pass
    text = (tmp_path / "log.txt").read_text()
    assert text.count("Run ") == 4
    assert "Run deadbeef" in text
    assert text.count("did not end") == 1
    assert text.count(": interrupted") == 1


def test_log__refuses_other_files(tmp_path: Path):
    (tmp_path / "rows.jsonl").write_text('{"source": "a.png"}\n')
    with pytest.raises(DataError, match="line 1: not a line of a processing log"):
        _log(tmp_path / "rows.jsonl", tmp_path / "out")
    for text in ("[" * 200_000, '["run", "event", "at"]', '{"run": NaN, "event": "a", "at": "b"}'):
        (tmp_path / "rows.jsonl").write_text(text)
        with pytest.raises(DataError, match="line 1: not a line of a processing log"):
            _log(tmp_path / "rows.jsonl", tmp_path / "out")
    with pytest.raises(UsageError, match=r"\.jsonl"):
        _log(tmp_path / "log.csv", tmp_path / "out")


def test_shown_command__hides_names():
    arguments = ["predict", "anna.mp4", "--people=anna.csv", "--out", "my results"]
    assert shown_command(arguments, hidden=["anna.mp4", "anna.csv"]) == (
        "fer predict (hidden) --people=(hidden) --out 'my results'"
    )
