"""Reports in a real browser: pointer, touch, keys, player, zoom, copying, printing, phones, dark mode, screen readers."""

from __future__ import annotations

import csv
import logging
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.media.sources import Source
from fercli.predict.report.page import HtmlReport
from fercli.predict.results_folder import ResultsFolder
from fercli.results import Face, Prediction
from fercli.weights.card import WeightsCard

NAMES = schema("rafdb").names
CARD = WeightsCard("fake", "7", NAMES, "rafdb", template("arcface"), MODELS["btn-tiny"], abstain_below=0.45)
FPS, SECONDS = 10, 20

pytestmark = pytest.mark.slow


def _face(source: str, frame: int, label: str, value: float, track: int, status: str = "ok") -> Prediction:
    values = dict.fromkeys(NAMES, (1 - value) / (len(NAMES) - 1)) | {label: value}
    face = Face((100.0 * track - 60, 30.0, 100.0 * track, 110.0), 0.99, None)
    where = (source, status, frame, frame / FPS, track - 1, face, label, values)
    return Prediction(*where, track=track)  # type: ignore[arg-type]


def _rows(source: str, frame: int) -> list[Prediction]:
    """Track 1: neutral, from 5 s almost certainly happy, away from 10 to 12 s, then uncertain; track 2: sad from 8 s on."""
    time_s = frame / FPS
    rows = []
    if time_s < 5:
        rows.append(_face(source, frame, "neutral", 0.6 + 0.002 * frame, 1))
    elif time_s < 10:
        rows.append(_face(source, frame, "happiness", 0.998, 1))
    elif time_s >= 12:
        rows.append(_face(source, frame, "anger", 0.4, 1, "uncertain"))
    if time_s >= 8:
        rows.append(_face(source, frame, "sadness", 0.8, 2))
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two videos and a picture."""
    root = tmp_path_factory.mktemp("results")
    sources = [Source(root / name, "video", Path(name)) for name in ("talk one.mp4", "b.mp4")]
    sources.append(Source(root / "c.jpg", "image", Path("c.jpg")))
    for source in sources:
        source.path.write_bytes(source.name.encode())
    run = {"detector": "yunet n 0047ac2", "tracking": "on", "minimum face size": "20 px in pictures, 40 px in videos"}
    with ResultsFolder(root / "out", sources, CARD, run) as results:
        for source in sources[:2]:
            for frame in range(FPS * SECONDS):
                rgb = np.full((144, 256, 3), (frame, 90, 200 - frame), np.uint8)
                rgb[40:100, 40:100] = 255 - frame
                rows = _rows(source.name, frame)
                results.add(source, rgb, rows, time_s=frame / FPS, duration_s=1 / FPS)
        rgb = np.full((144, 256, 3), 90, np.uint8)
        results.add(sources[2], rgb, [Prediction("c.jpg", "no_face", detail="no face detected")])
    return root / "out"


@pytest.fixture
def page(window: Any, folder: Path) -> Any:
    """The page of the first video on a wide screen, its player ready."""
    window.size(1400)
    window.scheme("light")
    window.open(folder / "talk one.report.html")
    window.wait("return document.querySelector('#player').readyState >= 1")
    return window


def _at(page: Any, time_s: float, *, chart: int = 0) -> tuple[float, float]:
    """Where a time of a chart is in the window, after scrolling there."""
    x, y, width = page.js(
        "const canvas = document.querySelectorAll('.canvas')[arguments[0]];"
        "canvas.scrollIntoView({block: 'center'}); const box = canvas.getBoundingClientRect();"
        "return [box.left, box.top + 60, box.width]",
        chart,
    )
    return x + width * time_s / SECONDS, y


def _tip(page: Any, chart: int = 0) -> str | None:
    """The text of the tooltip; None where it is hidden."""
    script = "const tip = document.querySelectorAll('.tip')[arguments[0]]; return tip.hidden ? null : tip.innerText"
    return page.js(script, chart)


def _width(page: Any) -> tuple[int, int]:
    """Widths of the content and of the window."""
    return tuple(page.js("return [document.scrollingElement.scrollWidth, innerWidth]"))


def test_pages__ask_for_nothing_but_the_files_of_the_folder(page: Any, folder: Path):
    page.requests()
    for name in ("report.html", "talk one.report.html"):
        page.open(folder / name)
    page.wait("return document.querySelector('#player').readyState >= 2")
    asked = set(page.requests())
    root = folder.resolve().as_uri()
    assert asked
    assert all(url.startswith(root) for url in asked), asked
    assert page.errors() == []


def test_pointer__shows_time_probabilities_episode_and_face(page: Any, folder: Path):
    page.point(*_at(page, 2.5))
    time, *lines = [line for line in _tip(page).splitlines() if not line.startswith("at ")]
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"].endswith("talk one.mp4") and row["track"] == "1"]
    near = {f"neutral {round(100 * float(row['p_neutral']))} %" for row in rows if 2.3 < float(row["time_s"]) < 2.6}
    assert time.startswith("0:02.")
    assert near & set(lines)
    assert any(line.startswith("episode: neutral 0:00.0 to 0:0") for line in lines)
    assert page.js("return document.querySelector('.tip img').naturalWidth") == 64

    page.point(*_at(page, 7.5))
    assert "happiness > 99 %" in _tip(page)
    page.point(*_at(page, 11))
    assert "not in view" in _tip(page)
    assert page.js("return document.querySelector('.tip img')") is None
    page.point(*_at(page, 15))
    assert "uncertain: treat as unreliable" in _tip(page)
    page.point(5, 5)
    assert _tip(page) is None


def test_tap__keeps_the_values_until_the_next_tap_elsewhere(window: Any, folder: Path):
    window.size(390, 844)
    window.open(folder / "talk one.report.html")
    window.wait("return document.querySelector('#player').readyState >= 1")
    window.point(*_at(window, 15), kind="touch", press=True)
    assert "anger 40 %" in _tip(window)
    left, right = window.js(
        "const box = document.querySelector('.tip').getBoundingClientRect(); return [box.left, box.right]"
    )
    assert left >= 0
    assert right <= 390
    x, y = window.js(
        "const box = document.querySelector('.tiles').getBoundingClientRect(); scrollTo(0, 0);"
        "const now = document.querySelector('h1').getBoundingClientRect(); return [now.left + 20, now.top + 5]"
    )
    window.point(x, y, kind="touch", press=True)
    assert _tip(window) is None


def test_click__moves_the_video_and_the_mark_follows_it(page: Any):
    page.point(*_at(page, 12.5), press=True)
    page.wait("return Math.abs(document.querySelector('#player').currentTime - 12.5) < 0.2")
    now = page.wait(  # as the csv has it: one uncertain, one sad
        "const lines = [...document.querySelectorAll('#now li')].map((line) => line.textContent); return lines[1] && lines"
    )
    assert sorted(now) == ["Track 1: uncertain", "Track 2: sadness 80 %"]
    share = (
        "const head = document.querySelectorAll('.playhead')[1], canvas = head.parentElement;"
        "return head.hidden ? 0 : parseFloat(head.style.left) / canvas.clientWidth"
    )
    page.wait(share)
    assert page.js(share) == pytest.approx(12.5 / SECONDS, abs=0.02)
    page.js("const player = document.querySelector('#player'); player.muted = true; return player.play()")
    page.wait("return document.querySelector('#player').currentTime > 13.2")
    page.js("document.querySelector('#player').pause()")
    now = page.wait("const player = document.querySelector('#player'); return player.paused && player.currentTime")
    page.wait(f"return Math.abs((() => {{ {share} }})() - {now} / {SECONDS}) < 0.01")


def test_times_of_episodes_and_peaks__move_the_video(page: Any):
    page.js(
        "document.querySelector('details').open = true;"
        "[...document.querySelectorAll('table a[data-time]')].find((a) => a.dataset.time > 4.5 && a.dataset.time < 6).click()"
    )
    page.wait("const time = document.querySelector('#player').currentTime; return time > 4.5 && time < 6")


def test_keys__read_the_values_zoom_and_move_the_video(page: Any):
    page.press("Tab")
    assert page.js("return document.activeElement.className") == "skip"
    page.js("document.querySelector('.view').focus({focusVisible: true})")
    outline = page.js("return getComputedStyle(document.querySelector('.view')).outlineStyle")
    page.press("Home", *["Right"] * 5)
    time, *_ = _tip(page).splitlines()
    text = page.js("return document.activeElement.getAttribute('aria-valuetext')")
    assert outline == "solid"
    assert "neutral 6" in text
    page.press("Enter")
    page.wait("const time = document.querySelector('#player').currentTime; return time > 0.2 && time < 0.8")
    page.press("+")
    assert page.js("return document.querySelector('#zoom output').textContent") == "2\N{MULTIPLICATION SIGN}"
    page.press("Escape")
    assert _tip(page) is None
    assert time


def test_zoom__widens_all_timelines_and_they_scroll_together(page: Any):
    page.js("document.querySelector('#player').currentTime = 15")
    page.wait("return Math.abs(document.querySelector('#player').currentTime - 15) < 0.1")
    page.js("for (let n = 0; n < 2; n += 1) document.querySelector('[data-zoom=in]').click()")
    widths = page.js("return [...document.querySelectorAll('.view')].map((v) => v.scrollWidth / v.clientWidth)")
    assert widths == [pytest.approx(4, abs=0.01)] * 2
    ticks = page.js(
        "const view = document.querySelector('.view').getBoundingClientRect();"
        "return [...document.querySelectorAll('.view')[0].querySelectorAll('.axis span:not(.unit)')].map((s) => s.textContent)"
    )
    assert "0:15" in ticks  # the moment of the video stays in view
    assert len(ticks) >= 4
    page.js("document.querySelectorAll('.view')[1].scrollLeft = 0")
    page.wait("return document.querySelector('.view').scrollLeft === 0")
    x, y = _at(page, 0)
    page.point(x + 4, y)  # the left edge is the start of the video again
    assert _tip(page).splitlines()[0 if _tip(page)[1] == ":" else 1].startswith("0:00.") or "0:00." in _tip(page)
    page.js("document.querySelector('[data-zoom=all]').click()")
    assert (
        page.js("return document.querySelector('.view').scrollWidth - document.querySelector('.view').clientWidth") == 0
    )


@pytest.mark.parametrize("clipboard", [True, False])
def test_methods__can_be_copied_from_disk(page: Any, clipboard: bool):
    page.devtools("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    if not clipboard:
        page.js("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    page.js("document.querySelector('#copy').scrollIntoView({block: 'center'})")
    box = page.js("const box = document.querySelector('#copy').getBoundingClientRect(); return [box.left, box.top]")
    page.point(box[0] + 10, box[1] + 10, press=True)
    page.wait("return document.querySelector('#copy').textContent === 'Copied'")
    if not clipboard:
        page.js("delete navigator.clipboard")
    page.js("navigator.clipboard.readText().then((text) => { window.pasted = text; })")
    text = page.wait("return window.pasted")
    assert "the model fake, version 7" in text
    assert "Wu, W., Peng, H., & Yu, S. (2023)" in text


@pytest.mark.parametrize("name", ["report.html", "talk one.report.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages__fit_a_phone_and_are_legible(window: Any, folder: Path, name: str, scheme: str):
    window.size(390, 844)
    window.scheme(scheme)
    window.open(folder / name)
    content, screen = _width(window)
    assert screen == 390
    assert content <= 390
    contrasts = window.js(
        "const style = getComputedStyle(document.documentElement), probe = document.createElement('i');"
        "document.body.append(probe);"
        "const light = (name) => { probe.style.color = style.getPropertyValue(name);"
        "  const rgb = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map((v) => v / 255);"
        "  const [r, g, b] = rgb.map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));"
        "  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };"
        "const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);"
        "return ['--ink', '--soft', '--accent'].flatMap((ink) => ['--page', '--card'].map((on) => ratio(light(ink), light(on))))"
    )
    assert min(contrasts) >= 4.5  # WCAG 2, level AA
    background = window.js("return getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert (max(background) < 60) == (scheme == "dark")


def test_print__has_charts_and_open_tables_and_no_player(page: Any):
    page.js(
        "addEventListener('beforeprint', () => { window.open_ = document.querySelectorAll('details[open]').length; })"
    )
    pages = page.pdf()
    assert pages.startswith(b"%PDF")
    assert pages.count(b"/Type /Page\n") + pages.count(b"/Type /Page ") + pages.count(b"/Type/Page") >= 2
    assert page.js("return [window.open_, document.querySelectorAll('details[open]').length]") == [3, 0]
    page.devtools("Emulation.setEmulatedMedia", media="print")
    page.size(700)  # A4 within margins
    hidden = page.js(
        "return ['.panel', '#copy', '.jump'].map((css) => getComputedStyle(document.querySelector(css)).display)"
    )
    wide = page.js(
        "dispatchEvent(new Event('beforeprint'));"
        "return [...document.querySelectorAll('table, .chart')].filter((e) => e.getBoundingClientRect().right > 700).length"
    )
    page.devtools("Emulation.setEmulatedMedia", media="")
    assert hidden == ["none"] * 3
    assert wide == 0


@pytest.mark.parametrize("name", ["report.html", "talk one.report.html"])
def test_screen_readers__find_names_headings_and_tables(window: Any, folder: Path, name: str):
    window.size(1400)
    window.open(folder / name)
    nodes = window.devtools("Accessibility.getFullAXTree")["nodes"]
    shown = [
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")
    ]
    roles = [role for role, _ in shown]
    unnamed = [
        role for role, name in shown if role in ("link", "button", "slider", "combobox", "image", "Video") and not name
    ]
    assert unnamed == []
    assert "main" in roles
    if name == "report.html":
        assert roles.count("table") == 1
        return
    sliders = [text for role, text in shown if role == "slider" and text.startswith("Track")]
    assert sliders == [f"Track {number}: probability of each expression over 0:20.0" for number in (1, 2)]
    levels = window.js("return [...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_page__of_more_than_an_hour_is_small_and_opens(window: Any, tmp_path: Path):
    source = Source(tmp_path / "long.mp4", "video", Path("long.mp4"))
    rgb = np.random.default_rng(0).integers(0, 255, (144, 256, 3), np.uint8)  # the worst case for JPEG
    values = np.random.default_rng(1).dirichlet(np.full(len(NAMES), 0.3), 2000)
    with HtmlReport(tmp_path / "long.html", CARD) as report:
        for frame in range(20_000):
            row = values[frame // 10]  # another expression every two seconds
            rows = [_face(source.name, frame, NAMES[int(row.argmax())], float(row.max()), 1)]
            if frame % 4_000 < 2_000:
                rows.append(_face(source.name, frame, "sadness", 0.8, 2 + frame // 4_000))
            rows = [replace(item, time_s=frame / 5) for item in rows]
            report.add(source, rgb, rows, time_s=frame / 5)
    size = (tmp_path / "long.html").stat().st_size
    assert size < 2_500_000
    window.size(1400)
    window.open(tmp_path / "long.html")
    load_s = window.js("const [entry] = performance.getEntriesByType('navigation'); return entry.loadEventEnd / 1000")
    logging.getLogger(__name__).info("%d bytes, loaded in %.2f s", size, load_s)
    assert load_s < 100  # a second on an idle machine
    window.point(*_at(window, SECONDS / 2))
    assert "33:2" in _tip(window)  # half of 66:40
    window.js("for (let n = 0; n < 9; n += 1) document.querySelector('[data-zoom=in]').click()")
    assert window.js("return parseInt(document.querySelector('#zoom output').textContent)") == 64
    assert window.errors() == []
