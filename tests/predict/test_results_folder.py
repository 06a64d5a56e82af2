"""The folder of a job: what a resumed run keeps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.errors import DataError, RefusedError
from fercli.media.images import read_rgb, write_image
from fercli.media.sources import Source, find_sources
from fercli.predict.results_folder import ResultsFolder
from fercli.results import Face, Prediction
from fercli.weights.card import WeightsCard

CARD = WeightsCard("fake", "7", schema("rafdb").names, "rafdb", template("arcface"), MODELS["btn-tiny"])


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    """Two pictures and a file that is not one."""
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "in" / name, np.full((80, 90, 3), 99, np.uint8))
    (tmp_path / "in" / "c.png").write_text("hello")
    return find_sources([str(tmp_path / "in")])


def _run(folder: Path, sources: list[Source], **how: bool) -> ResultsFolder:
    with ResultsFolder(folder, sources, CARD, {"tracking": "on"}, **how) as results:
        for source in results.todo:
            rgb = None if source.path.name == "c.png" else read_rgb(source.path)
            status = "unreadable" if rgb is None else "no_face"
            results.add(source, rgb, [Prediction(source.name, status, detail="text")])
    return results


def test_results_folder__resumes_with_what_is_not_finished(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    _run(out, sources)
    assert sorted(path.name for path in out.iterdir()) == [
        ".job.jsonl",
        "a.png",
        "b.png",
        "predictions.csv",
        "predictions.csv.settings.json",
        "report.html",
    ]
    with pytest.raises(RefusedError, match="finished job"):
        _run(out, sources)
    again = _run(out, sources, resume=True)
    assert [source.path.name for source in again.finished] == ["a.png", "b.png"]
    assert [source.path.name for source in again.todo] == ["c.png"]
    assert [path.name for path in (out / "a.png", out / "b.png") if path.is_file()] == ["a.png", "b.png"]
    page = (out / "report.html").read_text()
    assert all(name in page for name in ("a.png", "b.png", "c.png"))


def test_results_folder__yields_the_rows_of_an_earlier_run(tmp_path: Path, sources: list[Source]):
    _run(tmp_path / "out", sources)
    with ResultsFolder(tmp_path / "out", sources, CARD, {"tracking": "on"}, resume=True) as results:
        earlier = [(source.path.name, [row.status for row in rows], fault) for source, rows, fault in results.earlier()]
    assert earlier == [("a.png", ["no_face"], None), ("b.png", ["no_face"], None)]


@pytest.mark.parametrize("deleted", [True, False])
def test_results_folder__names_inputs_that_were_removed__on_the_page_as_in_the_rows(
    deleted: bool, tmp_path: Path, sources: list[Source]
):
    out = tmp_path / "out"
    _run(out, sources)
    if deleted:
        (tmp_path / "in" / "a.png").unlink()
    again = _run(out, sources[1:], resume=True)
    assert [source.path.name for source in again.removed] == ["a.png"]
    assert (out / "predictions.csv").read_text().count("a.png") == 1
    page = (out / "report.html").read_text()
    assert "Inputs of an earlier run, whose rows are kept" in page
    assert re.search(r">a\.png</th>\s*<td[^>]*>no face<", page) is not None
    assert page.count('alt="') == (1 if deleted else 2)
    assert "Inputs of an earlier run" not in (out / "report.html").read_text().split("</section>")[0]


def test_results_folder__of_a_stranger__replaces_no_file_outside(tmp_path: Path, sources: list[Source]):
    out, victim = tmp_path / "out", tmp_path / "victim.png"
    _run(out, sources)
    write_image(victim, np.zeros((8, 8, 3), np.uint8))
    before = victim.read_bytes()
    job = (out / ".job.jsonl").read_text(encoding="utf-8")
    (out / ".job.jsonl").write_text(job.replace('"copy": "a.png"', '"copy": "../victim.png"'), encoding="utf-8")
    write_image(tmp_path / "in" / "a.png", np.full((80, 90, 3), 7, np.uint8))  # changed: its copy is written again
    with pytest.raises(DataError, match="could not read"):
        _run(out, sources, resume=True)
    assert victim.read_bytes() == before


def test_results_folder__interrupted_and_resumed__has_the_bytes_of_an_unbroken_one(tmp_path: Path):
    # boxes with more digits than rows have: a page drawn from rows must not differ from one drawn at once
    for number, name in enumerate("abcd"):
        write_image(tmp_path / "in" / f"{name}.png", np.full((80, 90, 3), 40 * number + 60, np.uint8))
    sources = find_sources([str(tmp_path / "in")])
    face = Face((10.126, 12.0049, 50.3333, 61.995), 0.98765, None)
    shares = dict.fromkeys(CARD.labels, 0.1) | {CARD.labels[0]: 1 - 0.1 * (len(CARD.labels) - 1)}

    def run(out: Path, *, stop_at: int | None = None, **how: bool) -> None:
        with ResultsFolder(out, sources, CARD, {"tracking": "on"}, **how) as results:
            for number, source in enumerate(results.todo):
                if number == stop_at:
                    raise KeyboardInterrupt
                row = Prediction(source.name, "ok", None, None, 0, face, CARD.labels[0], shares)
                results.add(source, read_rgb(source.path), [row])

    run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "resumed", stop_at=3)
    (tmp_path / "in" / "a.png").touch()  # changed, so that it is read again after b, which is kept
    run(tmp_path / "resumed", resume=True)
    for name in ("report.html", "predictions.csv", "a.png", "b.png", "c.png", "d.png"):
        made, again = ((tmp_path / run / name).read_bytes() for run in ("whole", "resumed"))
        if name == "report.html":
            made, again = (re.sub(rb"fer [\d.]+, \d{4}-[^<]+", b"", page) for page in (made, again))
        assert made == again, name
