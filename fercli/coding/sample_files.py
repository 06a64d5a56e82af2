"""Write the empty files of a sample, in the format in which it is to be coded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fercli.coding.annotations import VideoAnnotations
from fercli.coding.coders import PARTS_NAME, SAMPLE_NAME
from fercli.coding.export import Written
from fercli.coding.formats.boris import write_boris
from fercli.coding.formats.elan import write_elan
from fercli.coding.formats.praat import write_praat
from fercli.coding.media_links import MediaFolder, link_media, within_media
from fercli.coding.people_page import PAGE_NAME, write_people
from fercli.coding.sample import Sample, write_parts, write_sample
from fercli.coding.video_names import short_names
from fercli.system.csv_file import write_rows
from fercli.system.files import free_name, refuse_existing
from fercli.system.names import clash_key

FORMATS = ("elan", "praat", "boris", "csv")
_CSV_COLUMNS = ("source", "person", "expression", "onset_s", "offset_s")
_ASK = "Code the parts that parts.csv lists"


def write_empty(
    folder: Path,
    sample: Sample,
    to: str,
    *,
    classes: Sequence[str],
    media: Path | None,
    overwrite: bool,
    pictures: bool = True,
) -> Written:
    """Write sample.csv, parts.csv and the empty files into a folder; with pictures, people.html for the videos that are there.

    Raises: RefusedError if a file exists.
    """
    videos = sample.annotations()
    paths = [folder / SAMPLE_NAME, folder / PARTS_NAME]
    if to in ("elan", "praat"):
        suffix = {"elan": ".eaf", "praat": ".TextGrid"}[to]
        for name in short_names([video.video for video in videos]):
            paths.append(free_name(folder / f"{name}{suffix}", {clash_key(path) for path in paths}))
    else:
        paths.append(folder / {"boris": "to-code.boris", "csv": "to-code.csv"}[to])
    for path in [*paths, folder / PAGE_NAME] if pictures else paths:
        refuse_existing(path, overwrite=overwrite)
    sample_path, parts_path, *coded = paths
    warnings: list[str] = []
    there = MediaFolder(media, tuple(video.video for video in videos))
    if pictures:
        people_path = folder / PAGE_NAME
        files = {there.find(video.video): video.video for video in videos}
        shown = {file: (Path(name).name, sample.moments[name]) for file, name in files.items() if file is not None}
        if shown:
            write_people(people_path, shown, warnings)
            paths.append(people_path)
    write_sample(sample_path, sample)
    write_parts(parts_path, sample)
    if to == "csv":
        write_rows(coded[0], _CSV_COLUMNS, _empty_rows(videos))
        return Written(paths, warnings)
    linked = [
        link_media(video.video, folder, there, end_s=video.end_s or 0.0, fps=sample.fps[video.video], warnings=warnings)
        for video in videos
    ]
    entries = [
        (item, within_media(replace(video, video=item.path), item.length_s))
        for item, video in zip(linked, videos, strict=True)
    ]
    if to == "elan":
        for path, (_, video) in zip(coded, entries, strict=True):
            write_elan(path, video, vocabulary=classes, author="")
    elif to == "praat":
        for path, (item, video) in zip(coded, entries, strict=True):
            write_praat(path, video, end_s=item.length_s)
    else:
        write_boris(coded[0], entries, behaviours=classes, description=_ASK)
    return Written(paths, warnings)


def _empty_rows(videos: Sequence[VideoAnnotations]) -> list[list[object]]:
    return [[video.video, person, None, None, None] for video in videos for person in video.tiers]
