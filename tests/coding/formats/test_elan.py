"""ELAN files: read back by pympi, and files as ELAN users make them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from pympi.Elan import Eaf

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.formats.elan import read_elan, write_elan
from fercli.errors import DataError

CLASSES = ("neutral", "happiness", "sadness")


def test_write_elan__is_read_by_pympi(video: VideoAnnotations, name: str, tmp_path: Path):
    path = tmp_path / "a.eaf"
    write_elan(path, video, vocabulary=CLASSES, author="fer-compact, version 5")
    eaf = Eaf(path)
    assert set(eaf.get_tier_names()) == {"Person 1", name}
    assert sorted(eaf.get_annotation_data_for_tier("Person 1")) == [
        (0, 1500, "neutral"),
        (1500, 2000, "happiness"),
        (2500, 3250, "neutral"),
    ]
    assert eaf.get_annotation_data_for_tier(name) == [(40, 4000, "sadness")]
    assert eaf.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "../clips/a b.mp4"
    assert eaf.get_linked_files()[0]["MIME_TYPE"] == "video/mp4"
    assert [value[0][0][0] for value in eaf.get_cv_entries("expressions").values()] == list(CLASSES)
    assert eaf.get_parameters_for_tier("Person 1")["ANNOTATOR"] == "fer-compact, version 5"
    assert list(tmp_path.iterdir()) == [path]


def test_read_elan__returns_what_was_written(video: VideoAnnotations, tmp_path: Path):
    write_elan(tmp_path / "a.eaf", replace(video, spans=((1.0, 2.0),)), vocabulary=CLASSES, author="me")
    (read,) = read_elan(tmp_path / "a.eaf")
    assert (read.video, read.spans) == ("../clips/a b.mp4", ((1.0, 2.0),))
    assert read.tiers["Person 1"][1] == Annotation("happiness", 1.5, 2.0)
    assert set(read.tiers) == set(video.tiers)


def test_read_elan__takes_files_that_pympi_wrote(tmp_path: Path):
    eaf = Eaf(author="coder")
    eaf.remove_tier("default")
    eaf.add_linked_file("/videos/talk.mp4", relpath="talk.mp4", mimetype="video/mp4")
    eaf.add_tier("face", part="Anna")
    eaf.add_tier("mouth", part="Anna")
    eaf.add_annotation("face", 500, 900, "Happy")
    eaf.add_annotation("mouth", 100, 200, "sad")
    eaf.to_file(tmp_path / "talk.eaf")
    (read,) = read_elan(tmp_path / "talk.eaf")
    assert read.video == "talk.mp4"
    assert dict(read.tiers) == {"Anna": (Annotation("sad", 0.1, 0.2), Annotation("Happy", 0.5, 0.9))}


def test_read_elan__times_are_those_of_the_video(tmp_path: Path):
    # the video of this file begins 1.5 s before the time of its annotations
    eaf = Eaf(author="coder")
    eaf.add_linked_file("file:///C:/my%20videos/talk%201.mp4", mimetype="video/mp4", time_origin=1500)
    eaf.add_annotation("default", 500, 900, "Happy")
    eaf.to_file(tmp_path / "talk.eaf")
    (read,) = read_elan(tmp_path / "talk.eaf")
    assert (read.video, read.tiers["default"]) == ("file:///C:/my videos/talk 1.mp4", (Annotation("Happy", 2.0, 2.4),))


def test_read_elan__subdivided_time_is_divided_evenly(tmp_path: Path):
    eaf = Eaf()
    eaf.add_annotation("default", 1000, 4000, "neutral")
    eaf.add_tier("Anna")
    for begin, label in ((1000, "happiness"), (2000, "sadness"), (3000, "fear")):
        eaf.add_annotation("Anna", begin, begin + 1000, label)
    eaf.to_file(str(tmp_path / "a.eaf"))
    root = ET.parse(tmp_path / "a.eaf").getroot()
    first, second, third = root.findall(".//TIER[@TIER_ID='Anna']//ALIGNABLE_ANNOTATION")
    for one, next_one in ((first, second), (second, third)):  # as ELAN: one slot, without a time
        next_one.set("TIME_SLOT_REF1", one.get("TIME_SLOT_REF2", ""))
        del root.find(f".//TIME_SLOT[@TIME_SLOT_ID='{one.get('TIME_SLOT_REF2')}']").attrib["TIME_VALUE"]
    ET.ElementTree(root).write(tmp_path / "a.eaf")
    (video,) = read_elan(tmp_path / "a.eaf")
    assert video.tiers["Anna"] == (
        Annotation("happiness", 1.0, 2.0),
        Annotation("sadness", 2.0, 3.0),
        Annotation("fear", 3.0, 4.0),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no xml", "not an ELAN file"),
        ("<html/>", r"not an ELAN file \(it is html\)"),
        (
            '<ANNOTATION_DOCUMENT><TIME_SLOT TIME_SLOT_ID="t" TIME_VALUE="x"/></ANNOTATION_DOCUMENT>',
            "a time slot is no number",
        ),
    ],
)
def test_read_elan__refuses_other_files(text: str, message: str, tmp_path: Path):
    (tmp_path / "a.eaf").write_text(text)
    with pytest.raises(DataError, match=message):
        read_elan(tmp_path / "a.eaf")
