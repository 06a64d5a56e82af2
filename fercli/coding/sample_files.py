"""Write the empty files of a sample, in the format in which it is to be coded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fercli.coding.annotations import VideoAnnotations
from fercli.coding.coders import PARTS_NAME, SAMPLE_NAME, video_name
from fercli.coding.formats.boris import Media, write_boris
from fercli.coding.formats.elan import write_elan
from fercli.coding.formats.praat import write_praat
from fercli.coding.sample import Sample, write_parts, write_sample
from fercli.coding.tables import EVENT_COLUMNS
from fercli.system.csv_file import write_rows
from fercli.system.files import free_name, refuse_existing
from fercli.system.names import clash_key, portable_name

FORMATS = ("elan", "praat", "boris", "csv")
_ASK = "Code the parts that parts.csv lists"
_FPS = 25.0  # BORIS shows frame numbers by it until the media is opened


def write_empty(
    folder: Path, sample: Sample, to: str, *, classes: Sequence[str], media: Path | None, overwrite: bool
) -> list[Path]:
    """Write sample.csv, parts.csv and the empty files into a folder; returns all paths. Raises: RefusedError if one exists."""
    videos = sample.annotations()
    paths = [folder / SAMPLE_NAME, folder / PARTS_NAME]
    if to in ("elan", "praat"):
        suffix = {"elan": ".eaf", "praat": ".TextGrid"}[to]
        for video in videos:
            used = {clash_key(path) for path in paths}
            paths.append(free_name(folder / f"{portable_name(video_name(video.video))}{suffix}", used))
    else:
        paths.append(folder / {"boris": "to-code.boris", "csv": "to-code.csv"}[to])
    for path in paths:
        refuse_existing(path, overwrite=overwrite)
    linked = [replace(video, video=_link(video.video, folder, media)) for video in videos]
    sample_path, parts_path, *coded = paths
    write_sample(sample_path, sample)
    write_parts(parts_path, sample)
    if to == "elan":
        for path, item in zip(coded, linked, strict=True):
            write_elan(path, item, vocabulary=classes, author="")
    elif to == "praat":
        for path, item in zip(coded, linked, strict=True):
            write_praat(path, item, end_s=item.end_s or 0.0)
    elif to == "boris":
        entries = [(Media(item.video, item.end_s or 0.0, _FPS), item) for item in linked]
        write_boris(coded[0], entries, behaviours=classes, description=_ASK)
    else:
        write_rows(coded[0], EVENT_COLUMNS[:4] + EVENT_COLUMNS[5:6], _empty_rows(videos))
    return paths


def _empty_rows(videos: Sequence[VideoAnnotations]) -> list[list[object]]:
    return [[video.video, person, None, None, None] for video in videos for person in video.tiers]


def _link(source: str, folder: Path, media: Path | None) -> str:
    path = Path(source) if media is None else media / Path(source).name
    return Path(os.path.relpath(path, folder)).as_posix() if path.is_file() else Path(source).name
