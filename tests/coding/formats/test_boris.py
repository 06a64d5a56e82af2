"""BORIS projects: their layout, checked by BORIS itself where it is installed."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.coders import read_coder
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.formats.boris import read_boris, write_boris
from fercli.coding.media_links import Media
from fercli.errors import DataError

CLASSES = ("neutral", "happiness", "sadness", "surprise")
BORIS_PYTHON = os.environ.get("FER_BORIS_PYTHON")  # BORIS needs Qt, half a gigabyte: an environment of its own
CHECK = """
import json, sys, types, unittest.mock
sys.modules["boris.mpv2"] = sys.modules["boris.mpv"] = unittest.mock.MagicMock()  # the player, which needs libmpv
from boris import config, project_functions
_, changed, project, message = project_functions.open_project_json(sys.argv[1])
integrity = project_functions.check_project_integrity(project, project[config.TIME_FORMAT], sys.argv[1])
events = {name: [[float(e[0]), *e[1:3]] for e in o[config.EVENTS]] for name, o in project[config.OBSERVATIONS].items()}
print(json.dumps([changed, message, integrity, events]))
"""


@pytest.fixture
def project(video: VideoAnnotations, tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a b.mp4").write_bytes(b"x")
    media = Media("clips/a b.mp4", 5.0, 25.0, has_sound=True)
    write_boris(tmp_path / "a.boris", [(media, video), (media, video)], behaviours=CLASSES, description="test")
    return tmp_path / "a.boris"


def test_write_boris__has_two_rows_per_episode(project: Path, name: str):
    content = json.loads(project.read_text(encoding="utf-8"))
    assert content["project_format_version"] == "7.0"
    assert [subject["name"] for subject in content["subjects_conf"].values()] == ["Person 1", name]
    behaviours = list(content["behaviors_conf"].values())
    assert [(item["code"], item["key"]) for item in behaviours] == [
        ("neutral", "n"),
        ("happiness", "h"),
        ("sadness", "s"),
        ("surprise", "u"),
    ]
    assert behaviours[1]["excluded"] == "neutral,sadness,surprise"
    assert list(content["observations"]) == ["a b", "a b 2"]
    observation = content["observations"]["a b"]
    assert observation["file"]["1"] == ["clips/a b.mp4"]
    facts = {
        name: observation["media_info"][name]["clips/a b.mp4"] for name in ("length", "fps", "hasVideo", "hasAudio")
    }
    assert facts == {"length": 5.0, "fps": 25.0, "hasVideo": True, "hasAudio": True}
    assert [row[:3] for row in observation["events"]][:5] == [
        [0.0, "Person 1", "neutral"],
        [0.04, name, "sadness"],
        [1.5, "Person 1", "neutral"],
        [1.5, "Person 1", "happiness"],
        [2.0, "Person 1", "happiness"],
    ]


def test_read_boris__returns_what_was_written(project: Path, name: str):
    read, again = read_boris(project)
    assert (read.video, read.end_s, again.tiers) == ("clips/a b.mp4", 5.0, read.tiers)
    assert read.tiers[name] == (Annotation("sadness", 0.04, 4.0),)
    assert [item.label for item in read.tiers["Person 1"]] == ["neutral", "happiness", "neutral"]


@pytest.mark.skipif(
    not (BORIS_PYTHON or importlib.util.find_spec("boris")),
    reason="BORIS is not installed, and FER_BORIS_PYTHON names no Python that has it",
)
def test_write_boris__is_opened_by_boris_without_a_complaint(project: Path):
    code = [BORIS_PYTHON or sys.executable, "-c", CHECK, str(project)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    output = subprocess.run(code, capture_output=True, text=True, check=True, env=environment).stdout
    changed, message, integrity, events = json.loads(output.splitlines()[-1])
    assert (changed, message, integrity) == (False, "", "")
    written = json.loads(project.read_text(encoding="utf-8"))["observations"]
    assert events == {name: [row[:3] for row in item["events"]] for name, item in written.items()}


@pytest.mark.parametrize("text", ["no", "{}", "[]", '{"behaviors_conf": {}, "observations": {"a": {"events": [[1]]}}}'])
def test_read_boris__refuses_other_files(text: str, tmp_path: Path):
    (tmp_path / "a.boris").write_text(text)
    with pytest.raises(DataError, match="not a BORIS project"):
        read_boris(tmp_path / "a.boris")


def _coded_by_two(path: Path) -> Path:
    """A project in which two people coded one video; the second one's clock of the day is added to the times."""
    behaviours = {"0": {"code": "smile", "type": "State event"}, "1": {"code": "blink", "type": "Point event"}}
    file = {"1": ["C:\\clips\\talk.mp4"]}
    events = [[1.5, "", "smile", "", "", 1], [2.0, "", "blink", "", "", 1], [2.5, "", "smile", "", "", 1]]
    late = [[time_s + 100, "No focal subject", *rest] for time_s, _, *rest in events]
    observations = {
        "talk anna": {"file": file, "events": events, "time offset": 0},
        "talk ben": {"file": file, "events": late, "time offset": 100.0},
    }
    path.write_text(json.dumps({"behaviors_conf": behaviours, "observations": observations}))
    return path


def test_read_boris__has_an_observation_per_coder_in_the_time_of_the_video(tmp_path: Path):
    path = _coded_by_two(tmp_path / "study.boris")
    smile = {"": (Annotation("smile", 1.5, 2.5),)}
    assert [(item.video, item.tiers) for item in read_boris(path, "ben")] == [("C:\\clips\\talk.mp4", smile)]
    coder = read_coder(tmp_path / "study.boris#anna", EpisodeOptions())
    assert (coder.name, coder.videos["talk"].events.tiers) == ("study#anna", smile)
    with pytest.raises(DataError, match="the video talk is coded twice"):
        read_coder(path, EpisodeOptions())
    with pytest.raises(DataError, match="no observation named carl"):
        read_boris(path, "carl")


def test_read_boris__refuses_an_event_without_its_end(tmp_path: Path):
    path = _coded_by_two(tmp_path / "a.boris")
    project = json.loads(path.read_text())
    project["observations"]["talk anna"]["events"].pop()
    path.write_text(json.dumps(project))
    with pytest.raises(DataError, match=r"talk anna: smile of no focal subject begins at 1\.50 s and never ends"):
        read_boris(path)


def test_read_boris__files_that_are_played_one_after_the_other_are_videos(tmp_path: Path):
    path = _coded_by_two(tmp_path / "a.boris")
    project = json.loads(path.read_text())
    observation = project["observations"]["talk anna"]
    observation["file"] = {"1": ["one.mp4", "two.mp4"], "2": ["other-side.mp4"]}
    observation["media_info"] = {"length": {"one.mp4": 2.0, "two.mp4": 5.0, "other-side.mp4": 7.0}}
    observation["events"] += [[4.0, "", "smile", "", "", 1], [4.5, "", "smile", "", "", 1]]
    path.write_text(json.dumps(project))
    one, two = read_boris(path, "anna")
    assert (one.video, one.end_s, one.tiers[""]) == ("one.mp4", 2.0, (Annotation("smile", 1.5, 2.0),))
    assert (two.video, two.end_s) == ("two.mp4", 5.0)
    assert two.tiers[""] == (Annotation("smile", 0.0, 0.5), Annotation("smile", 2.0, 2.5))


def test_read_boris__says_that_point_events_have_no_duration(tmp_path: Path):
    path = _coded_by_two(tmp_path / "a.boris")
    path.write_text(path.read_text().replace("State event", "Point event"))
    with pytest.raises(DataError, match=r"only point events were coded \(blink, smile\)"):
        read_boris(path)


def test_read_boris__of_a_compressed_project_and_of_a_live_observation(project: Path):
    events = [[1.0, "Anna", "sadness", "", "", "NA"], [2.0, "Anna", "sadness", "", "", "NA"]]
    content = json.loads(project.read_text(encoding="utf-8"))
    content["observations"] = {"talk": {"type": "LIVE", "file": [], "time offset": 0, "events": events}}
    packed = project.with_suffix(".boris.gz")
    packed.write_bytes(gzip.compress(json.dumps(content).encode()))
    coder = read_coder(packed, EpisodeOptions())
    assert coder.name == "a"
    assert coder.videos["talk"].events.tiers == {"Anna": (Annotation("sadness", 1.0, 2.0),)}
    packed.write_bytes(b"no gzip")
    with pytest.raises(DataError, match="not a BORIS project"):
        read_coder(packed, EpisodeOptions())


def test_read_boris__refuses_times_that_are_no_numbers(project: Path):
    content = project.read_text(encoding="utf-8")
    content = content.replace('"events": [', '"events": [["NaN", "", "sadness", "", "", "NA"], ', 1)
    project.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="an event of sadness at NaN"):
        read_boris(project)
