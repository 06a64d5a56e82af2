"""fer predict with names that are long, odd or given twice, and with an output folder at or above the input."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.cli.main import main
from fercli.media.images import write_image
from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter
from fercli.results import Face

FACE = Face((10.0, 10.0, 50.0, 60.0), 0.95, ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0)))


@pytest.fixture(autouse=True)
def fakes(predicts_surprise: Callable[[Face], None]) -> None:
    predicts_surprise(FACE)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    write_image(folder / "a.jpg", np.full((80, 70, 3), 120, np.uint8))
    return folder


def _sources(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row["source"] for row in csv.DictReader(file)]


@pytest.fixture
def odd_names(photos: Path) -> Path:
    """Copies of one picture under every kind of name that a file system accepts."""
    shutil.copy(photos / "a.jpg", photos / ("a" * 240 + ".jpg"))
    shutil.copy(photos / "a.jpg", photos / ("b" * 246 + ".heic.jpg"))
    shutil.copy(photos / "a.jpg", photos / ("\u00e9" * 124 + ".ppm"))
    shutil.copy(photos / "a.jpg", photos / ("c" * 251 + ".gif"))
    shutil.copy(photos / "a.jpg", os.fsencode(photos) + b"/caf\xe9.jpg")
    for name in ("cr\r.jpg", "lf\n.jpg", 'quote",.jpg', "tab\t.jpg", " .jpg", "-x.jpg", "#?%.jpg", "a'&<b>.jpg"):
        shutil.copy(photos / "a.jpg", photos / name)
    with VideoWriter(photos / ("v" * 251 + ".mp4")) as writer:
        writer.write(np.full((80, 70, 3), 120, np.uint8), 0.0)
    with VideoWriter(photos / "w.mp4") as writer:
        writer.write(np.full((80, 70, 3), 120, np.uint8), 0.0)
    (photos / "w.mp4").rename(photos / ("w" * 252 + ".ts"))
    below = photos / os.fsdecode(b"d\xe9\n")
    below.mkdir()
    shutil.copy(photos / "a.jpg", below / "a.jpg")
    for name in ("v\r.mp4", os.fsdecode(b"v\xff.mp4"), "#?%.mp4"):
        shutil.copy(photos / ("v" * 251 + ".mp4"), below / name)
    return photos


def test_predict__takes_any_name(odd_names: Path, capsys: pytest.CaptureFixture[str]):
    names = sorted(str(path.relative_to(odd_names.parent)) for path in odd_names.rglob("*") if path.is_file())
    expected = sorted(os.fsencode(name).decode("utf-8", "backslashreplace") for name in names)
    save = ["--save", "t.jsonl", "--save", "t.csv", "--report", "r.html"]
    assert main(["predict", "photos", "--out", "out", *save, "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(record["source"] for record in records) == expected
    assert sorted(_sources(Path("out/predictions.csv"))) == sorted(_sources(Path("t.csv"))) == expected
    lines = Path("t.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(json.loads(line)["source"] for line in lines) == expected
    copies = [path for path in Path("out").rglob("*") if path.suffix in (".jpg", ".png", ".ppm", ".mp4")]
    assert len(copies) == len(names)
    # all are finished
    assert main(["predict", "photos", "--out", "out", "--resume"]) == 0
    assert f"{len(names)} sources finished" in capsys.readouterr().err
    assert sorted(_sources(Path("out/predictions.csv"))) == expected
    assert not list(Path("out").glob(".*part*"))


def test_predict__has_a_row_and_a_copy_for_every_name(photos: Path):
    for number in range(3):
        (photos / f"link{number}.jpg").symlink_to(photos / "a.jpg")
    with VideoWriter(photos / "v.mp4") as writer:
        writer.write(np.full((80, 70, 3), 120, np.uint8), 0.0)
    arguments = ["predict", "photos", "photos/a.jpg", "photos/v.mp4", "photos/v.mp4", "--out", "out"]
    expected = [*(f"photos/{name}" for name in ("a.jpg", "link0.jpg", "link1.jpg", "link2.jpg", "v.mp4", "a.jpg"))]
    expected += ["photos/v.mp4", "photos/v.mp4"]
    assert main(arguments) == 0
    assert _sources(Path("out/predictions.csv")) == expected
    names = {"a.jpg", "a-2.jpg", "link0.jpg", "link1.jpg", "link2.jpg", "v.mp4", "v-2.mp4", "v-3.mp4"}
    assert names < {path.name for path in Path("out").iterdir()}
    assert main([*arguments, "--resume"]) == 0
    assert _sources(Path("out/predictions.csv")) == expected


@pytest.mark.parametrize("again", ["--overwrite", "--resume"])
def test_predict__reads_below_its_output_folder(again: str, photos: Path):
    for run in ([], [again], [again]):
        assert main(["predict", "photos", "--out", ".", *run]) == 0
        assert _sources(Path("predictions.csv")) == ["photos/a.jpg"]
    assert main(["predict", "photos/a.jpg", "--out", ".", "--overwrite"]) == 0
    assert _sources(Path("predictions.csv")) == ["photos/a.jpg"]


@pytest.mark.parametrize(
    "arguments", [["photos", "--out", "photos"], ["photos/*.jpg", "--out", "photos"], [".", "--out", "."]]
)
def test_predict__never_replaces_a_source(arguments: list[str], photos: Path, capsys: pytest.CaptureFixture[str]):
    before = (photos / "a.jpg").read_bytes()
    assert main(["predict", *arguments, "--overwrite"]) == 2
    assert "one of the sources" in capsys.readouterr().err
    assert (photos / "a.jpg").read_bytes() == before


def test_predict__refuses_a_nested_picture_that_would_replace_a_source(photos: Path):
    write_image(photos / "photos" / "a.jpg", np.full((80, 70, 3), 20, np.uint8))
    before = (photos / "a.jpg").read_bytes()
    assert main(["predict", "photos", "--out", ".", "--overwrite"]) == 2
    assert (photos / "a.jpg").read_bytes() == before


@pytest.mark.parametrize("again", ["--overwrite", "--resume"])
def test_predict__replaces_no_other_picture_above_its_sources(
    again: str, photos: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.copy(photos / "a.jpg", photos.parent / "a.jpg")  # not a source
    (photos.parent / "link").symlink_to(photos.parent)
    before = (photos.parent / "a.jpg").read_bytes()
    for out in (".", "link"):
        assert main(["predict", "photos", "--out", out, again]) == 2
        assert "a.jpg would be replaced, but is not a result of an earlier run" in capsys.readouterr().err
    assert (photos.parent / "a.jpg").read_bytes() == before


def test_predict__does_not_read_copies_of_an_earlier_run_beside_other_files(
    photos: Path, capsys: pytest.CaptureFixture[str]
):
    with VideoWriter(photos / "v.mkv.mp4") as writer:
        writer.write(np.full((80, 70, 3), 120, np.uint8), 0.0)
    (photos / "v.mkv.mp4").rename(photos / "v.avi")
    assert main(["predict", "photos/v.avi", "--out", "photos"]) == 0
    assert (photos / "v.mp4").is_file()
    capsys.readouterr()
    assert main(["predict", "photos", "--out", "out"]) == 0
    assert _sources(Path("out/predictions.csv")) == ["photos/a.jpg", "photos/v.avi"]
    assert "not read: 1 annotated copy of an earlier run, e.g. photos/v.mp4" in capsys.readouterr().err
    assert (
        main(["predict", "photos/v.mp4", "out", "--out", "other"]) == 0
    )  # what is named is read, and a folder of copies
    assert set(_sources(Path("other/predictions.csv"))) >= {"photos/v.mp4"}


def test_predict__reports_if_only_results_are_left(photos: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", "photos", "--out", "photos/out"]) == 0
    assert main(["predict", "photos/out/a.jpg", "--out", "photos/out", "--overwrite"]) == 3
    assert "results of an earlier run" in capsys.readouterr().err


def test_predict__warns_of_a_fault_that_leaves_the_pixels(photos: Path, capsys: pytest.CaptureFixture[str]):
    (photos / "a.jpg").write_bytes((photos / "a.jpg").read_bytes()[:-2])
    assert main(["predict", "photos/a.jpg", "--out", "out", "--strict"]) == 0
    note = "the end marker of the JPEG file is missing, all pixels are there"
    assert f"warning: photos/a.jpg: {note}" in capsys.readouterr().err
    with Path("out/predictions.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["status"] == "ok"
    assert row["detail"] == note


def test_predict__writes_a_video_of_an_animated_picture(photos: Path):
    frames = [Image.new("RGB", (80, 70), (value, 90, 90)) for value in (0, 90, 180)]
    frames[0].save(photos / "b.png", save_all=True, append_images=frames[1:], duration=[200, 200, 600])
    assert main(["predict", "photos", "--out", "out"]) == 0
    with VideoReader(Path("out/b.mp4")) as video:
        times = [(frame.time_s, frame.duration_s) for frame in video]
    np.testing.assert_allclose(times, [(0, 0.2), (0.2, 0.2), (0.4, 0.6)], atol=0.01)
    assert Path("out/b.report.html").is_file()
    assert main(["predict", "photos", "--out", "out", "--resume"]) == 0
    assert _sources(Path("out/predictions.csv")) == ["photos/a.jpg", *["photos/b.png"] * 3]


def test_predict__gives_every_animated_picture_its_own_copy(photos: Path):
    frames = [Image.new("RGB", (80, 70), (value, 90, 90)) for value in (0, 90)]
    for suffix in ("gif", "png", "webp"):
        frames[0].save(photos / f"b.{suffix}", save_all=True, append_images=frames[1:], duration=200)
    for again in ([], ["--overwrite"], ["--resume"]):
        assert main(["predict", "photos", "--out", "out", *again]) == 0
        names = {path.name for path in Path("out").iterdir() if path.name.startswith("b")}
        assert names == {f"b{number}.{end}" for number in ("", "-2", "-3") for end in ("mp4", "report.html")}
