"""fer predict with ids instead of names, with a log, and with pages that show nobody, from the command line."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.cli.main import main
from fercli.media.images import write_image
from fercli.media.video_writer import VideoWriter
from fercli.results import Face

FACE = Face((20.0, 20.0, 60.0, 60.0), 0.95, ((30.0, 32.0), (50.0, 32.0), (40.0, 42.0), (32.0, 52.0), (48.0, 52.0)))


@pytest.fixture(autouse=True)
def fakes(predicts_surprise: Callable[[Face], None]) -> None:
    predicts_surprise(FACE)


def _striped() -> np.ndarray:
    """Grey, with black and white stripes where the face is, each two pixels wide."""
    rgb = np.full((80, 90, 3), 128, np.uint8)
    left, top, right, bottom = map(int, FACE.box_xyxy)
    rgb[top:bottom, left:right] = np.where(np.arange(right - left) // 2 % 2, 255, 0)[None, :, None]
    return rgb


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in" / "Anna Muster"
    write_image(folder / "anna_1.png", _striped())
    (folder / "anna_2.jpg").write_text("hello")
    with VideoWriter(folder / "anna_3.mp4") as writer:
        for number in range(8):
            writer.write(_striped(), number / 10)
    return folder


def _outputs(tmp_path: Path) -> Iterator[Path]:
    kept = (tmp_path / "in", tmp_path / "key.csv", tmp_path / "people.csv", tmp_path / "fer-cache")
    for path in tmp_path.rglob("*"):
        if path.is_file() and not any(path == other or other in path.parents for other in kept):
            yield path


def _run(tmp_path: Path, folder: Path, *more: str) -> int:
    outputs = ["--out", str(tmp_path / "out"), "--save", str(tmp_path / "rows.csv")]
    log = ["--processing-log", str(tmp_path / "log.jsonl")]
    return main(["predict", str(folder), *outputs, *log, *more])


def test_pseudonyms__are_all_that_outputs_name(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "people.csv").write_text("source,track,name\n,1,Anna Muster\n")
    hidden = ["--pseudonyms", str(tmp_path / "key.csv"), "--people", str(tmp_path / "people.csv")]
    assert _run(tmp_path, folder, *hidden, "--report", str(tmp_path / "page.html")) == 0
    shown = capsys.readouterr()
    assert "anna" not in shown.out.lower()
    with (tmp_path / "key.csv").open(newline="", encoding="utf-8") as file:
        ids = {row["original"]: row["id"] for row in csv.DictReader(file)}
    paths = list(_outputs(tmp_path))
    assert len(paths) >= 14
    for path in paths:
        assert b"anna" not in (path.name.encode() + path.read_bytes()).lower(), path
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["source"] for row in rows} == {ids[str(path)] for path in folder.iterdir()}
    assert {row["person"] for row in rows if row["frame"]} == {ids["Anna Muster"]}
    assert (tmp_path / "out" / ids[str(folder / "anna_1.png")]).is_file()
    assert (tmp_path / "out" / ids[str(folder / "anna_3.mp4")].replace(".mp4", ".report.html")).is_file()


def test_pseudonyms__stay_when_a_job_is_resumed_and_files_were_renamed(folder: Path, tmp_path: Path, capsys):
    hidden = ["--pseudonyms", str(tmp_path / "key.csv")]
    assert _run(tmp_path, folder, *hidden) == 0
    before = (tmp_path / "rows.csv").read_bytes()
    (folder / "anna_3.mp4").rename(folder / "berta.mp4")
    assert _run(tmp_path, folder, *hidden, "--resume") == 0
    assert (tmp_path / "rows.csv").read_bytes() == before
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    last = [event for event in events if event["run"] == events[-1]["run"]]
    assert [event["event"] for event in last].count("kept") == 2
    capsys.readouterr()
    assert _run(tmp_path, folder, "--resume") == 1
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "different settings" in line)
    assert "different settings: names of files and people: " in line
    assert line.endswith(", now not set")


def test_pseudonyms__key_among_the_results__is_refused(folder: Path, tmp_path: Path, capsys):
    assert _run(tmp_path, folder, "--pseudonyms", str(tmp_path / "out" / "key.csv")) == 2
    assert "would be among the results" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_log__without_pseudonyms_has_the_command_as_it_was_typed(folder: Path, tmp_path: Path):
    assert _run(tmp_path, folder) == 0
    first = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert str(folder) in first["command"]
    assert first["settings"]["tracking"] == "on"


def _pictures(page: Path) -> list[np.ndarray]:
    """Every JPEG of a page, also those in the data of its scripts: in base64 they begin with /9j/."""
    encoded = re.findall(r"/9j/[A-Za-z0-9+/]+=*", page.read_text(encoding="utf-8"))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L"), np.int16) for text in encoded]


def _stripes(grey: np.ndarray) -> int:
    """The largest difference of pixels two apart in a row: over 100 where stripes are left."""
    return int(np.abs(grey[:, 2:] - grey[:, :-2]).max())


def test_pages__show_no_recognisable_face_when_faces_are_blurred(folder: Path, tmp_path: Path):
    report = ["--report", str(tmp_path / "page.html")]
    assert _run(tmp_path, folder, *report) == 0
    pages = [tmp_path / "page.html", tmp_path / "out" / "report.html", tmp_path / "out" / "anna_3.report.html"]
    assert all(any(_stripes(picture) > 100 for picture in _pictures(page)) for page in pages)  # else this shows nothing
    assert _run(tmp_path, folder, *report, "--overwrite", "--blur-faces") == 0
    for page in pages:
        assert _pictures(page), page
        assert max(_stripes(picture) for picture in _pictures(page)) < 60, page


def test_pages__have_no_picture_at_all_with_no_pictures(folder: Path, tmp_path: Path):
    assert _run(tmp_path, folder, "--report", str(tmp_path / "page.html"), "--no-pictures") == 0
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) == 3
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert _pictures(page) == []
        assert "data:image/png" not in text
        assert "<video" not in text
