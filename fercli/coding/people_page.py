"""The page of a sample that shows who is who: every person of the files to code, where they are in the picture, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fercli.errors import DataError
from fercli.formatting import clock
from fercli.html.pages import write_template
from fercli.html.thumbnail import face_jpeg, picture_jpeg
from fercli.media.images import Rgb
from fercli.media.selection import FrameSelection
from fercli.media.video import VideoReader
from fercli.results import Box, Who, who_name
from fercli.system.files import replacing

PAGE_NAME = "people.html"
_FRAME_PX = 360
_COLOUR = (255, 176, 0)  # of the box, RGB


@dataclass(frozen=True)
class Moment:
    """When and where a face is seen well: a time of the video in seconds, and its box in pixels."""

    time_s: float
    box_xyxy: Box


@dataclass(frozen=True)
class _Person:
    """face: JPEG of the face. frame: JPEG of the whole frame, with its box."""

    name: str
    time: str
    face: bytes
    frame: bytes


def write_people(path: Path, videos: Mapping[Path, tuple[str, Mapping[Who, Moment]]], warnings: list[str]) -> None:
    """Write the page. videos: by file its name and people. Videos that cannot be read are added to `warnings`."""
    sections = []
    for file, (name, people) in videos.items():
        try:
            sections.append((name, list(_people(file, people))))
        except DataError as error:
            warnings.append(f"{path.name} does not show the people of {name}: {error.message}")
    with replacing(path) as temporary:
        write_template(
            temporary,
            "coding/people_page.html",
            title="People in the files to code",
            subtitle="Who is meant by the tiers and subjects. What was predicted is not shown.",
            sections=sections,
        )


def _people(file: Path, people: Mapping[Who, Moment]) -> Iterator[_Person]:
    """Yield the people of a video whose frames can be decoded."""
    for who, moment in people.items():
        rgb = _frame_at(file, moment.time_s)
        if rgb is None:
            continue
        left, top, right, bottom = (round(value) for value in moment.box_xyxy)
        marked = np.ascontiguousarray(rgb.copy())
        cv2.rectangle(marked, (left, top), (right, bottom), _COLOUR, max(2, max(rgb.shape[:2]) // 150))
        yield _Person(
            who_name(who),
            clock(moment.time_s),
            face_jpeg(rgb, moment.box_xyxy),
            picture_jpeg(marked, longest=_FRAME_PX),
        )


def _frame_at(file: Path, time_s: float) -> Rgb | None:
    with VideoReader(file, selection=FrameSelection(start_s=time_s)) as video:
        return next((frame.rgb for frame in video), None)
