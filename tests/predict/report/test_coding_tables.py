"""The numbers of pages are those of summary.csv and events.csv in the same folder."""

from __future__ import annotations

import csv
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.formatting import clock, percents
from fercli.media.sources import Source
from fercli.predict.results_folder import ResultsFolder
from fercli.results import Face, Prediction
from fercli.weights.card import WeightsCard

NAMES = schema("rafdb").names
CARD = WeightsCard("fake", "7", NAMES, "rafdb", template("arcface"), MODELS["btn-tiny"])
RGB = np.full((90, 160, 3), 120, np.uint8)


def _face(source: str, frame: int, time_s: float, label: str, track: int, index: int, status: str) -> Prediction:
    values = dict.fromkeys(NAMES, 0.1 / (len(NAMES) - 1)) | {label: 0.9}
    face = Face((10, 10, 60, 70), 0.99, None)
    return Prediction(source, status, frame, time_s, index, face, label, values, track=track)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two videos with two people, uncertain time, a frame that is held, nobody in view, and a lost frame."""
    sources = []
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
        sources.append(Source(tmp_path / name, "video", Path(name)))
    out = tmp_path / "out"
    with ResultsFolder(out, sources, CARD, {}) as results:
        for source in sources:
            for frame in range(40):
                time_s = frame / 10 + (0.7 if frame > 20 else 0.0)
                if frame == 30:
                    lost = Prediction(source.name, "decode_error", frame, time_s, detail="damaged")
                    results.add(source, None, [lost], time_s=time_s)
                    continue
                label = "happiness" if 10 <= frame < 25 else "neutral"
                status = "uncertain" if frame in (3, 4, 20, 29) else "ok"
                rows = [_face(source.name, frame, time_s, label, 1, 0, status)]
                if frame > 25:
                    rows.append(_face(source.name, frame, time_s, "sadness", 2, 1, "ok"))
                if frame == 39:
                    rows = [Prediction(source.name, "no_face", frame, time_s, detail="no face detected")]
                results.add(source, RGB, rows, time_s=time_s, duration_s=0.1)
    return out


def _tables(page: Path) -> dict[str, list[list[list[str]]]]:
    """Caption -> the tables with this caption, as rows of cells."""
    found: dict[str, list[list[list[str]]]] = {}
    for caption, body in re.findall(
        r"<table><caption>(.*?)</caption>(.*?)</table>", page.read_text(encoding="utf-8"), re.DOTALL
    ):
        rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
        cells = [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]
        found.setdefault(caption, []).append(cells)
    return found


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_index__shows_the_numbers_of_summary_csv(folder: Path):
    (head, *rows) = _tables(folder / "report.html")["Time per expression, as in summary.csv"][0]
    summaries = _csv(folder / "summary.csv")
    assert len(rows) == len(summaries) == 6
    for cells, summary in zip(rows, summaries, strict=True):
        shown = dict(zip(head, cells, strict=True))
        shares = percents([float(summary[f"share_{name}"]) for name in (*NAMES, "uncertain")])
        by_name = dict(zip((*NAMES, "uncertain"), shares, strict=True))
        assert (shown["video"], shown["person"]) == (Path(summary["source"]).name, summary["person"] or "all")
        assert shown["in view (s)"] == f"{float(summary['in_view_s']):.1f}"
        assert shown["episodes"] == summary["episodes"]
        printed = {name.removesuffix(" (%)"): f"{value} %" for name, value in shown.items() if name.endswith("(%)")}
        assert printed == {name: by_name[name] for name in printed}
        assert set(printed) == {"neutral", "happiness", "sadness", "uncertain"}
        assert shown["no face (s)"] == (f"{float(summary['without_face_s']):.1f}" if not summary["person"] else "")


def test_page_of_a_video__shows_the_numbers_of_both_tables(folder: Path):
    page = folder / "a.report.html"
    tables = _tables(page)
    people = [row for row in _csv(folder / "summary.csv") if row["source"].endswith("a.mp4") and row["person"]]
    events = [row for row in _csv(folder / "events.csv") if row["source"].endswith("a.mp4")]
    assert len(tables["Episodes"]) == len(people) == 2
    for person, times, episodes in zip(people, tables["Time per expression"], tables["Episodes"], strict=True):
        seconds = {name: float(person[f"seconds_{name}"]) for name in NAMES} | {
            "uncertain": float(person["uncertain_s"])
        }
        assert {name: text for name, text, _ in times[1:]} == {
            name: f"{value:.2f}" for name, value in seconds.items() if value > 0
        }
        own = [row for row in events if row["person"] == person["person"]]
        assert [row[:5] for row in episodes[1:]] == [
            [
                row["expression"],
                *(clock(float(row[name]), decimals=2) for name in ("onset_s", "apex_s", "offset_s")),
                f"{float(row['duration_s']):.2f}",
            ]
            for row in own
        ]
    (video,) = [row for row in _csv(folder / "summary.csv") if row["source"].endswith("a.mp4") and not row["person"]]
    tile = f"{float(video['uncertain_s']):.1f} of {float(video['in_view_s']):.1f} s in view"
    assert tile in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").count("peak 90 %") == len(events)


def test_index__has_the_videos_of_an_earlier_run(folder: Path):
    before = _tables(folder / "report.html")
    sources = [Source(folder.parent / name, "video", Path(name)) for name in ("a.mp4", "b.mp4")]
    with ResultsFolder(folder, sources, CARD, {}, resume=True) as results:
        assert results.todo == []
    assert _tables(folder / "report.html") == before
