"""The numbers of pages are those of summary.csv and events.csv in the same folder."""

from __future__ import annotations

import csv
import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from fercli.coding.correction import Correction
from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.formatting import clock, percent, percents, pluralize, probability_percent
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
        cells = [
            [unescape(re.sub("<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in rows
        ]
        found.setdefault(caption, []).append(cells)
    return found


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_index__shows_the_numbers_of_summary_csv(folder: Path):
    caption = "Time per expression, as in summary.csv; never surprise or fear or disgust or anger"
    (head, *rows) = _tables(folder / "report.html")[caption][0]
    summaries = _csv(folder / "summary.csv")
    assert len(rows) == len(summaries) == 6
    for cells, summary in zip(rows, summaries, strict=True):
        shown = dict(zip(head, cells, strict=True))
        names = (*NAMES, "uncertain")
        shares = percents([float(summary[f"share_{name}"]) for name in names], 1)
        seconds = [float(summary[f"seconds_{name}"]) for name in NAMES] + [float(summary["uncertain_s"])]
        by_name = {
            f"{name}, s (%)": f"{value:.1f}\u00a0({share.removesuffix(' %')})" if value else "0"
            for name, value, share in zip(names, seconds, shares, strict=True)
        }
        assert shown["video"] == Path(summary["source"]).name
        assert shown["track or person"] == (f"Track\u00a0{summary['track']}" if summary["track"] else "all")
        assert shown["in view (s)"] == f"{float(summary['in_view_s']):.1f}"
        assert shown["episodes"] == summary["episodes"]
        assert shown["mean probability"] == probability_percent(float(summary["mean_probability"]))
        assert shown["frames without a face"] == summary["frames_without_face"]
        printed = {name: value for name, value in shown.items() if name.endswith("s (%)")}
        assert printed == {name: by_name[name] for name in printed}
        assert {name.partition(",")[0] for name in printed} == {"neutral", "happiness", "sadness", "uncertain"}
        assert shown["no face (s)"] == (
            f"{float(summary['without_face_s']):.1f}" if summary["level"] == "video" else ""
        )


def test_page_of_a_video__shows_the_numbers_of_both_tables(folder: Path):
    page = folder / "a.report.html"
    tables = _tables(page)
    people = [
        row for row in _csv(folder / "summary.csv") if row["source"].endswith("a.mp4") and row["level"] == "track"
    ]
    events = [row for row in _csv(folder / "events.csv") if row["source"].endswith("a.mp4")]
    assert len(tables["Episodes"]) == len(people) == 2
    for person, times, episodes in zip(people, tables["Time per expression"], tables["Episodes"], strict=True):
        seconds = {name: float(person[f"seconds_{name}"]) for name in NAMES} | {
            "uncertain": float(person["uncertain_s"])
        }
        assert {name: text for name, text, _ in times[1:]} == {
            name: f"{value:.2f}" for name, value in seconds.items() if value > 0
        }
        own = [row for row in events if row["track"] == person["track"]]
        assert [row[:5] for row in episodes[1:]] == [
            [
                row["expression"],
                *(clock(float(row[name]), decimals=2) for name in ("onset_s", "apex_s", "offset_s")),
                f"{float(row['duration_s']):.2f}",
            ]
            for row in own
        ]
    (video,) = [
        row for row in _csv(folder / "summary.csv") if row["source"].endswith("a.mp4") and row["level"] == "video"
    ]
    tile = f"{float(video['uncertain_s']):.1f} of {float(video['in_view_s']):.1f} s in view"
    assert tile in page.read_text(encoding="utf-8")
    drawn = [
        (data["labels"][label], clock(onset, decimals=2), clock(offset, decimals=2), peak)
        for text in re.findall('data-chart="([^"]*)"', page.read_text(encoding="utf-8"))
        for data in [json.loads(unescape(text))]
        for onset, offset, label, peak in data["episodes"]
    ]
    assert drawn == [
        (
            row["expression"],
            *(clock(float(row[name]), decimals=2) for name in ("onset_s", "offset_s")),
            round(100 * float(row["peak_probability"])),
        )
        for row in events
    ]


def test_page_of_a_video__every_other_number_follows_from_predictions_csv(folder: Path):
    text = (folder / "a.report.html").read_text(encoding="utf-8")
    rows = [row for row in _csv(folder / "predictions.csv") if row["source"].endswith("a.mp4")]
    begins = sorted({float(row["time_s"]) for row in rows})
    ends = dict(zip(begins, [*begins[1:], begins[-1] + (begins[-1] - begins[-2])], strict=True))
    decoded = {float(row["time_s"]) for row in rows if row["status"] != "decode_error"}
    faces = [row for row in rows if row["label"]]
    alone = decoded - {float(row["time_s"]) for row in faces}
    seconds = sum(ends[time_s] - time_s for time_s in alone)

    tiles = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert tiles["Duration"].startswith(clock(ends[begins[-1]]) + "<")
    assert tiles["Frames"].startswith(f"{len(decoded)}<")
    assert tiles["Tracks"] == f"{len({row['track'] for row in faces})}<small>{len(faces)} faces</small>"
    assert tiles["Without a face"].endswith(f"<small>{pluralize(len(alone), 'frame')}, {seconds:.1f} s</small>")
    assert tiles["Without a face"].startswith(unescape(percent(len(alone) / len(decoded))))
    assert "<small>1 frame</small>" in tiles["Not decoded"]

    charts = [json.loads(unescape(found)) for found in re.findall('data-chart="([^"]*)"', text)]
    tables = _tables(folder / "a.report.html")["Most probable expression over time"]
    assert len(charts) == 2
    for track, data, table in zip(("1", "2"), charts, tables, strict=True):
        own = [row for row in faces if row["track"] == track]
        spans = [(float(row["time_s"]), ends[float(row["time_s"])], row) for row in own]
        for number, shown in enumerate(data["values"]):
            begin_s, end_s = number * data["width"], (number + 1) * data["width"]
            parts = [(min(last, end_s) - max(first, begin_s), row) for first, last, row in spans]
            parts = [(weight, row) for weight, row in parts if weight > 1e-9]
            total = sum(weight for weight, _ in parts)
            if shown is None:
                assert total < 1e-6
                continue
            means = [sum(weight * float(row[f"p_{name}"]) for weight, row in parts) / total for name in NAMES]
            means.append(sum(weight for weight, row in parts if row["status"] != "ok") / total)
            assert shown == [pytest.approx(100 * mean, abs=0.51) for mean in means]
        in_view = sum(last - first for first, last, _ in spans)
        assert f"{in_view:.1f} s in view, from {clock(spans[0][0])} to {clock(spans[-1][1])}; {len(own)} faces" in text
        assert table[1][0].startswith("0:00.00 to ")  # spans of less than a second
        assert table[-1][0].endswith(f" to {clock(ends[begins[-1]], decimals=2)}")
    peaks = re.findall(r"<figcaption>(\w+) (\d+) %<br>at ([^<]*)<", re.sub("<a [^>]*>|</a>", "", text))
    assert peaks
    for label, value, time in peaks:
        assert any(
            row["label"] == label
            and clock(float(row["time_s"])) == time
            and percent(float(row[f"p_{label}"])) == f"{value} %"
            for row in faces
        )


def _numbers(page: Path) -> set[str]:
    """The texts with digits that the page shows above the notes on reliability, without the axes of charts."""
    text = page.read_text(encoding="utf-8")
    main = text[text.index("<main") : text.index("How reliable is this?")]
    main = re.sub(
        r'<div class="(scale|axis)".*?</div>|<style.*?</style>|<output>.*?</output>', "", main, flags=re.DOTALL
    )
    texts = (unescape(part).strip() for part in re.split("<[^>]*>", main))
    return {part for part in texts if re.search(r"\d", part)}


def _texts_of_tables(page: Path) -> set[str]:
    return {cell for tables in _tables(page).values() for table in tables for row in table for cell in row}


def test_page_of_a_video__has_no_number_beside_those_that_were_compared(folder: Path):
    page = folder / "a.report.html"
    expected = {"a.mp4", "at"}
    for row in _csv(folder / "summary.csv"):
        if not row["source"].endswith("a.mp4") or row["level"] == "video":
            continue
        names = (*NAMES, "uncertain")
        seconds = dict(
            zip(names, [*(float(row[f"seconds_{name}"]) for name in NAMES), float(row["uncertain_s"])], strict=True)
        )
        shares = percents([float(row[f"share_{name}"]) for name in names], 1)
        shown = {name: share for name, share in zip(names, shares, strict=True) if seconds[name] > 0}
        ranked = sorted(shown, key=lambda name: (name == "uncertain", -seconds[name]))
        expected |= {f"Track {row['track']}", f"Data tables of Track {row['track']}"}
        expected |= {", ".join(f"{name} {shown[name]}" for name in ranked)}
        lengths = {name: f"{value:.1f}" if value >= 1 else f"{value:.2f}" for name, value in seconds.items()}
        expected |= {f"{name} {shown[name]}, {lengths[name]} s" for name in shown}
        (times,) = [table for table in _tables(page)["Time per expression"] if table[1][0] == ranked[0]]
        assert [line[2] for line in times[1:]] == [shown[name] for name in ranked]
    rows = [row for row in _csv(folder / "predictions.csv") if row["source"].endswith("a.mp4") and row["label"]]
    for row in rows:  # peak moments, which another test compares
        expected |= {clock(float(row["time_s"])), f"{row['label']} {percent(float(row['p_' + row['label']]))}"}
    beside = _numbers(page) - expected - _texts_of_tables(page)
    tiles = {part for tile in re.findall("<dt>.*?</dd>", page.read_text()) for part in re.split("<[^>]*>", tile)}
    beside -= {unescape(part) for part in tiles}  # compared above
    assert all("s in view, from" in text for text in beside)  # compared above
    assert len(beside) == 2


def test_page_of_a_video__time_table_and_episodes_have_the_probabilities_of_the_rows(folder: Path):
    page = folder / "a.report.html"
    rows = [row for row in _csv(folder / "predictions.csv") if row["source"].endswith("a.mp4")]
    begins = sorted({float(row["time_s"]) for row in rows})
    ends = dict(zip(begins, [*begins[1:], 2 * begins[-1] - begins[-2]], strict=True))
    charts = [json.loads(unescape(found)) for found in re.findall('data-chart="([^"]*)"', page.read_text())]
    tables = _tables(page)
    for track, data, table in zip(("1", "2"), charts, tables["Most probable expression over time"], strict=True):
        own = [row for row in rows if row["track"] == track]
        bins = []
        for number in range(len(data["values"])):
            begin_s, end_s = number * data["width"], (number + 1) * data["width"]
            weights = [
                max(min(ends[float(row["time_s"])], end_s) - max(float(row["time_s"]), begin_s), 0.0) for row in own
            ]
            values = np.array(
                [[*(float(row[f"p_{name}"]) for name in NAMES), row["status"] != "ok"] for row in own], float
            )
            bins.append(np.average(values, axis=0, weights=weights) if sum(weights) > 1e-9 else None)
        step = -(-len(bins) // 40)
        for index, cells in enumerate(table[1:]):
            part = [value for value in bins[index * step : (index + 1) * step] if value is not None]
            if not part:
                assert cells[1:] == ["not seen", "", ""]
                continue
            mean = np.mean(part, axis=0)
            best = int(mean[:-1].argmax())
            assert cells[1:3] == [NAMES[best], probability_percent(mean[best])]
            assert float(cells[3].removesuffix(" %")) == pytest.approx(100 * mean[-1], abs=0.51)
    events = [row for row in _csv(folder / "events.csv") if row["source"].endswith("a.mp4")]
    shown = [cells[5:] for table in tables["Episodes"] for cells in table[1:]]
    assert shown == [
        [probability_percent(float(row[name])) for name in ("peak_probability", "mean_probability")] for row in events
    ]


def test_index__has_no_number_beside_those_of_its_table_and_cards(folder: Path):
    page = folder / "report.html"
    expected = {"2 videos", "a.mp4", "b.mp4"} | _texts_of_tables(page)
    for row in _csv(folder / "summary.csv"):
        names = (*NAMES, "uncertain")
        shares = percents([float(row[f"share_{name}"]) for name in names], 1)
        ranked = sorted(range(len(names)), key=lambda i: (i == len(NAMES), -float(row[f"share_{names[i]}"])))
        expected |= {
            f"Track {row['track']}",
            ", ".join(f"{names[i]} {shares[i]}" for i in ranked if float(row[f"share_{names[i]}"]) > 0),
        }
        expected |= {f"{float(row['last_s']) - float(row['first_s']):.1f} s, {row['frames']} frames, 2 tracks"}
    assert _numbers(page) - expected == set()


def test_index__has_a_picture_a_strip_and_the_numbers_of_every_video(folder: Path):
    text = (folder / "report.html").read_text(encoding="utf-8")
    cards = re.findall(
        '<li><a href="([^"]*)" tabindex="-1".*?(?=<li><a href="[^"]*" tabindex="-1"|</ol>)', text, re.DOTALL
    )
    assert cards == ["a.report.html", "b.report.html"]
    assert all((folder / card).is_file() for card in cards)
    assert text.count('<img class="thumbnail" src="data:image/jpeg;base64,/9j') == 2
    assert text.count('<svg class="strip"') == 4  # two people in each
    for summary in _csv(folder / "summary.csv"):
        if summary["level"] == "video":
            continue
        names = (*NAMES, "uncertain")
        shares = percents([float(summary[f"share_{name}"]) for name in names], 1)
        for name, share in zip(names, shares, strict=True):
            if float(summary[f"share_{name}"]) > 0:
                assert f"{name} {share}" in text
    # track 1 is happy from 1 to 2 s and, after a frame that is uncertain, from 2.8 to 3.2 s, of 4.7 s; a bin is 4.2 units wide
    happy = re.search(r'<span>Track 1</span> <svg[^>]*><path d="([^"]*)"', text)[1]
    spans = [(float(left), float(right)) for left, right in re.findall("M([0-9.]*) 0H([0-9.]*)", happy)]
    assert spans == [
        pytest.approx((1 / 4.7e-3, 2 / 4.7e-3), abs=4.2),
        pytest.approx((2.8 / 4.7e-3, 3.2 / 4.7e-3), abs=4.2),
    ]


def test_index__has_the_videos_of_an_earlier_run(folder: Path):
    before, text = _tables(folder / "report.html"), (folder / "report.html").read_text()
    sources = [Source(folder.parent / name, "video", Path(name)) for name in ("a.mp4", "b.mp4")]
    with ResultsFolder(folder, sources, CARD, {}, resume=True) as results:
        assert results.todo == []
    assert _tables(folder / "report.html") == before
    cards = [
        re.search('<ol class="videos">.*?</ol>', page, re.DOTALL)[0]
        for page in (text, (folder / "report.html").read_text())
    ]
    assert cards[0] == cards[1]


def test_corrected_table__of_pages_and_summary_csv_have_the_same_shares(tmp_path: Path):
    # half of the happy images are predicted as neutral: 20 % happiness is predicted of 40 %
    counts = np.diag(np.full(len(NAMES), 10))
    happy, neutral = NAMES.index("happiness"), NAMES.index("neutral")
    counts[happy, happy] = counts[happy, neutral] = 5
    correction = Correction(NAMES, counts, "fake 7 on the val split of toys (70 images)", "fake, version 7")
    (tmp_path / "a.mp4").write_bytes(b"a")
    source = Source(tmp_path / "a.mp4", "video", Path("a.mp4"))
    out = tmp_path / "out"
    with ResultsFolder(out, [source], CARD, correction.as_settings(), correction=correction) as results:
        for frame in range(20):
            row = _face("a.mp4", frame, frame / 10, "happiness" if frame % 5 == 0 else "neutral", 1, 0, "ok")
            results.add(source, RGB, [row], time_s=frame / 10, duration_s=0.1)
    with (out / "summary.csv").open(newline="") as file:
        person, _ = csv.DictReader(file)
    assert float(person["share_happiness"]) == pytest.approx(0.2)
    assert float(person["corrected_happiness"]) == pytest.approx(0.4, abs=1e-4)
    page = unescape(next(out.glob("*.report.html")).read_text(encoding="utf-8"))
    assert "Shares corrected by the confusion matrix (%)" in page
    assert "corrected by the confusion matrix of fake 7 on the val split of toys (70 images)" in page
    cells = re.search(r"Shares corrected.*?<tbody>(.*?)</tbody>", page, re.DOTALL)
    assert cells is not None
    assert re.sub(r"<[^>]+>", " ", cells[1]).split()[:3] == ["a.mp4", "Track", "1"]
    assert "40" in re.sub(r"<[^>]+>", " ", cells[1]).split()
