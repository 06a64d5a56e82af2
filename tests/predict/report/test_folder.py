"""Reports in a folder of results."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.errors import RefusedError
from fercli.media.sources import Source
from fercli.predict.report.folder import FolderReports
from fercli.results import Prediction
from fercli.weights.card import WeightsCard

CARD = WeightsCard("fake", "7", schema("rafdb").names, "rafdb", template("arcface"), MODELS["btn-tiny"])
RGB = np.full((90, 160, 3), 120, np.uint8)
NO_FACE = [Prediction("x", "no_face", detail="no face detected")]


def _source(name: str, kind: Literal["image", "video"] = "video") -> Source:
    return Source(Path("in") / name, kind, Path(name))


def test_folder_reports__one_page_per_video_and_an_index(tmp_path: Path):
    sources = [_source("sub dir/a.mp4"), _source("b.mp4"), _source("c.jpg", "image")]
    out = tmp_path / "out"
    with FolderReports(out, sources, CARD) as reports:
        reports.add(sources[0], RGB, NO_FACE, time_s=0.0)
        reports.add(sources[1], RGB, NO_FACE, time_s=0.0)
        assert (out / "sub dir" / "a.report.html").is_file()  # complete when the next source begins
        reports.add(sources[2], RGB, NO_FACE)
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.html")) == [
        "b.report.html",
        "report.html",
        "sub dir/a.report.html",
    ]
    index = (out / "report.html").read_text()
    assert re.findall(r'<h3><a href="([^"]*)">([^<]*)', index) == [
        ("sub%20dir/a.report.html", "sub dir/a.mp4"),
        ("b.report.html", "b.mp4"),
    ]
    with pytest.raises(RefusedError):
        FolderReports(out, sources, CARD)


def test_folder_reports__a_single_video_needs_no_index(tmp_path: Path):
    source = _source("a.mp4")
    with FolderReports(tmp_path, [source], CARD) as reports:
        reports.add(source, RGB, NO_FACE, time_s=0.0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.report.html"]
