"""HTML reports: self-contained, escaped, with all people and the right numbers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.errors import RefusedError
from fercli.media.selection import FrameSelection
from fercli.media.sources import Source
from fercli.predict.report.page import HtmlReport
from fercli.results import Face, Prediction, Status
from fercli.weights.card import WeightsCard

NAMES = schema("rafdb").names  # surprise, fear, disgust, happiness, sadness, anger, neutral
CARD = WeightsCard(
    "fake",
    "7",
    NAMES,
    "rafdb",
    template("arcface"),
    MODELS["btn-tiny"],
    abstain_below=0.45,
    scores={
        "test": {"accuracy": 0.91, "mean_accuracy": 0.8, "class_accuracy": {"fear": 0.1, "anger": 0.9}, "split": "test"}
    },
    notes=("Reads <b>badly</b> in the dark.",),
)
RGB = np.full((90, 160, 3), 120, np.uint8)
EVIL = """<img src=x onerror="alert(1)">'&.mp4"""


class Page(HTMLParser):
    """What a parser sees: tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag  # every element is closed, in order

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.text += data + " "

    def all(self, tag: str, css: str = "") -> list[dict[str, str]]:
        return [a for name, a in self.tags if name == tag and css in a.get("class", "")]


def _source(name: str, kind: Literal["image", "video"] = "video") -> Source:
    return Source(Path("in") / name, kind, Path(name))


def _face(label: str, value: float, *, track: int | None = 1, status: Status = "ok") -> Prediction:
    rest = (1 - value) / (len(NAMES) - 1)
    return Prediction(
        "x",
        status,
        face=0,
        detection=Face((30.0, 20.0, 70.0, 70.0), 0.9, ((0.0, 0.0),) * 5),
        label=label,
        probabilities={name: value if name == label else rest for name in NAMES},
        track=track,
    )


NOBODY = Prediction("x", "no_face", detail="no face detected")


def _video(path: Path, name: str = "clip.mp4") -> Page:
    """A clip of 40 frames, 0.1 s each: 1 happy, from 1 s to 2 s away, then angry, from 3 s on uncertain; 2 in one frame."""
    with HtmlReport(path, CARD, {"minimum face size": "20 px"}) as report:
        for number in range(40):
            faces = [_face("happiness", 0.9)]
            if number >= 20:
                faces = [_face("anger", 0.7)] if number < 30 else [_face("anger", 0.4, status="uncertain")]
            elif number >= 10:
                faces = [NOBODY]
            if number == 25:
                faces.append(_face("fear", 0.8, track=2))
            report.add(_source(name), RGB, faces, time_s=number / 10)
        broken = Prediction("x", "unreadable", detail="breaks off after 4.0 s of 9.0 s")
        report.add(_source(name), None, [broken])
    return Page(path)


def test_report__is_self_contained(tmp_path: Path):
    page = _video(tmp_path / "a.html")
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "base")
        for name in ("src", "href", "srcset", "action", "poster"):
            assert attributes.get(name, "data:").startswith(("data:", "#"))
    assert not re.search(r"https?:|url\((?!#)|@import", page.source)
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))


def test_report__has_every_person_with_chart_peaks_and_tables(tmp_path: Path):
    page = _video(tmp_path / "a.html")
    assert page.text.count("Track 1") == 1
    assert "1 more track, in view for 0.1 s" in page.text  # track 2: one frame
    assert len(page.all("div", "chart")) == 1
    alts = [image["alt"] for image in page.all("img")]
    assert len(alts) == 2  # the best moments: happiness and anger
    assert all(alt.startswith("Face at 0:0") for alt in alts)
    assert page.text.count("Time per expression") == 1
    assert "breaks off after 4.0 s of 9.0 s" in page.text
    assert "10 frames, 1.0 s" in page.text  # without a face


def test_report__figures_are_those_of_the_frames(tmp_path: Path):
    page = _video(tmp_path / "a.html")
    # 3 s in view: 1 s each of happiness, anger and uncertain
    shares = re.findall(r"(happiness|anger|uncertain|fear) ([\d.]+) %, ([\d.]+) s", page.text)
    assert {(name, seconds) for name, _, seconds in shares} == {
        ("happiness", "1.0"),
        ("anger", "1.0"),
        ("uncertain", "1.0"),
    }
    assert sorted(percent for name, percent, _ in shares if name != "fear") == [
        "33.3",
        "33.3",
        "33.4",
    ]  # they add up to 100
    data = json.loads(page.all("div", "chart")[0]["data-chart"])
    assert (data["labels"], data["end"]) == (list(NAMES), pytest.approx(4.0))
    values, per_second = data["values"], 1 / data["width"]
    assert len(values) == pytest.approx(4 * per_second)
    happy, angry = NAMES.index("happiness"), NAMES.index("anger")
    middle = {second: values[round((second + 0.5) * per_second)] for second in range(4)}
    assert middle[0][happy] == 90
    assert middle[1] is None  # a gap stays a gap
    assert (middle[2][angry], middle[2][-1]) == (70, 0)
    assert (middle[3][angry], middle[3][-1]) == (40, 100)


def test_report__states_settings_and_reliability(tmp_path: Path):
    page = _video(tmp_path / "a.html")
    for words in (
        "fake, version 7",
        "20 px",
        "below 45 %",
        "91 % of the predictions",
        "10 % of fear",
        "Reads <b>badly</b>",
    ):
        assert words in page.text


def test_report__escapes_file_names(tmp_path: Path):
    with HtmlReport(tmp_path / "b.html", CARD) as report:
        report.add(_source(EVIL), RGB, [_face("fear", 0.9)], time_s=0.0)
        report.add(_source("still " + EVIL, "image"), RGB, [_face("fear", 0.9, track=None)])
        unread = Prediction("x", "unreadable", detail=EVIL)
        report.add(_source("broken " + EVIL, "image"), None, [unread])
    page = Page(tmp_path / "b.html")
    assert page.text.count(EVIL) >= 4
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_report__cards_can_be_sorted_by_expression_and_doubt(tmp_path: Path):
    with HtmlReport(tmp_path / "a.html", CARD) as report:
        sure, unsure = _face("happiness", 0.95, track=None), _face("fear", 0.4, track=None, status="uncertain")
        report.add(_source("a.jpg", "image"), RGB, [sure, unsure])
        report.add(_source("b.jpg", "image"), RGB, [NOBODY])
    page = Page(tmp_path / "a.html")
    two, none = [a for a in page.all("li") if "data-doubt" in a]
    assert (two["data-label"], two["data-faces"], float(two["data-doubt"])) == ("happiness", "2", pytest.approx(0.6))
    assert (none["data-faces"], none["data-has"]) == ("0", "none")
    assert {a["id"] for a in page.all("select")} == {"sort", "filter"}
    assert page.all("img")[0]["alt"] == "a.jpg: happiness 95 %, fear 40 %, uncertain"


def test_report__of_many_pictures_shows_some_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fercli.predict.report.page.MOST_CARDS", 4)
    with HtmlReport(tmp_path / "page.html", CARD) as report:
        for number in range(10):
            name = f"{number}\u00e9\r\n.jpg"  # characters of several bytes, and line ends
            source = Source(Path(name), "image", Path(name))
            report.add(source, RGB, [Prediction(name, "no_face", detail="no face detected")])
    page = Page(tmp_path / "page.html")
    assert "10 pictures" in page.text
    assert "One of 3 is shown" in page.text
    shown = [
        attributes["alt"] for tag, attributes in page.tags if tag == "img" and "\u00e9" in attributes.get("alt", "")
    ]
    assert [alt[alt.index("\u00e9") - 1] for alt in shown] == ["0", "3", "6", "9"]


def test_report__is_complete_or_absent(tmp_path: Path):
    def interrupted() -> None:
        with HtmlReport(tmp_path / "a.html", CARD) as report:
            report.add(_source("a.mp4"), RGB, [NOBODY], time_s=0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    _video(tmp_path / "a.html")
    with pytest.raises(RefusedError):
        HtmlReport(tmp_path / "a.html", CARD)


def test_report__stays_small_for_hours_with_hundreds_of_people(tmp_path: Path):
    with HtmlReport(tmp_path / "a.html", CARD) as report:
        for number in range(1200):  # one every six seconds
            passer_by = _face(NAMES[number % 7], 0.6, track=1 + number // 5)
            faces = [_face("neutral", 0.5 + 0.4 * (number % 2), track=0), passer_by]
            report.add(_source("a.mp4"), RGB, faces, time_s=6.0 * number)
    page = Page(tmp_path / "a.html")
    assert (tmp_path / "a.html").stat().st_size < 2_000_000
    assert len(page.all("div", "chart")) == 40
    assert "Track 0" in page.text
    assert "201 more tracks" in page.text  # 241 in all
    assert "2:00:00.0" in page.text
    assert all(len(json.loads(chart["data-chart"])["values"]) <= 512 for chart in page.all("div", "chart"))


def test_report__of_a_part_of_a_video_has_its_length_and_faces_without_a_track(tmp_path: Path):
    source = replace(_source("a.mp4"), selection=FrameSelection(2.0, 2.95))
    with HtmlReport(tmp_path / "a.html", CARD) as report:
        for number in range(10):  # from 2.0 s on, the last frame begins at 2.9 s
            brief = [replace(_face("anger", 0.9, track=None), face=1)] if number == 4 else []
            rows = [replace(row, frame=20 + number, time_s=2 + number / 10) for row in [_face("fear", 0.9), *brief]]
            report.add(source, RGB, rows, time_s=2 + number / 10)
    page = Page(tmp_path / "a.html")
    assert " 0:01.0 min:s, from 0:02.0 to 0:03.0 " in " ".join(page.text.split())  # 0.95 s, in tenths
    assert "1.0 s in view, from 0:02.0 to 0:03.0; 10 faces" in page.text
    assert "1 face without a track, for 0.1 s in total: in view for less than 0.5 s." in page.text
    assert "11 faces" in page.text
    assert json.loads(page.all("div", "chart")[0]["data-chart"])["end"] == pytest.approx(0.95)


def test_report__names_people_and_lists_them(tmp_path: Path):
    with HtmlReport(tmp_path / "a.html", CARD) as report:
        for number in range(10):  # tracks 1 and 3 are Anna, who is in view for one second in all
            anna = replace(_face("fear", 0.9, track=1 + 2 * (number % 2)), person="Anna")
            report.add(_source("a.mp4"), RGB, [anna, _face("anger", 0.9, track=2)], time_s=number / 10)
    page = Page(tmp_path / "a.html")
    headings = [tag for tag, _ in page.tags if tag == "article"]
    assert len(headings) == 2
    assert page.text.count("Anna") == page.text.count("Track 2") == 3  # in the list, above the chart, and of its tables
    targets = {link["href"].removeprefix("#") for link in page.all("a")}
    assert targets == {*(article["id"] for article in page.all("article")), "person0-list", "main"}
    assert len(page.all("svg", "strip")) == 4  # one in the list and one below each chart
    assert "1.0 s in view" in page.text


def test_report__counts_the_tracks_that_it_and_the_index_list(tmp_path: Path):
    with HtmlReport(tmp_path / "a.html", CARD) as report:
        for number in range(10):
            brief = [replace(_face("anger", 0.9, track=2), face=1)] if number < 3 else []
            rows = [replace(row, frame=number, time_s=number / 10) for row in [_face("fear", 0.9), *brief]]
            report.add(_source("a.mp4"), RGB, rows, time_s=number / 10)
    source = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<dt>Tracks</dt><dd>1<small>13 faces, 1 more below 0.5 s</small>" in source


def test_report__without_pictures_shows_no_face(tmp_path: Path):
    with HtmlReport(tmp_path / "a.html", CARD, pictures=False) as report:
        report.add(_source("a.png", "image"), RGB, [_face("fear", 0.9)])
        for number in range(10):
            report.add(_source("a.mp4"), RGB, [_face("anger", 0.9)], time_s=number / 10)
    page = Page(tmp_path / "a.html")
    assert page.all("img") == []
    assert "base64,/9j" not in page.source  # how a JPEG begins
    assert "fear 90 %" in page.text
    assert len(page.all("div", "chart")) == 1


def test_report__plays_its_video_and_has_a_methods_paragraph(tmp_path: Path):
    run = {"baseline": "0:00-0:10", "smoothing": "off"}
    with HtmlReport(tmp_path / "a.html", CARD, run, video=tmp_path / "a b.mp4") as report:
        for number in range(10):
            face = replace(_face("anger", 0.9), frame=number, time_s=number / 10)
            report.add(_source("a.mp4"), RGB, [face], time_s=number / 10)
    page = Page(tmp_path / "a.html")
    (player,) = page.all("video")
    assert player["src"] == "a%20b.mp4"
    assert player["poster"].startswith("data:image/jpeg;base64,/9j")
    assert "media-src 'self' file:" in page.source
    assert "the model fake, version 7" in page.text
    assert "No resting expression was subtracted, although it was asked for (0:00-0:10)" in page.text
    assert "10 faces; no resting expression subtracted" in page.text
    assert "below 45 % were counted as uncertain" in page.text
    assert "averaged over time" not in page.text


def test_report__without_pictures_plays_no_video(tmp_path: Path):
    with HtmlReport(tmp_path / "a.html", CARD, pictures=False, video=tmp_path / "a.mp4") as report:
        report.add(_source("a.mp4"), RGB, [_face("anger", 0.9)], time_s=0.0)
    assert Page(tmp_path / "a.html").all("video") == []
