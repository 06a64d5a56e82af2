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
from fercli.coding.media_links import Media, MediaFolder, link_media, warn_of_missing, within_media
from fercli.coding.people_page import PAGE_NAME, write_people
from fercli.coding.sample import CodingSample, write_parts, write_sample
from fercli.coding.video_names import short_names
from fercli.system.csv_file import write_rows
from fercli.system.files import free_name, refuse_existing
from fercli.system.names import clash_key

FORMATS = ("elan", "praat", "boris", "csv")
_CSV_COLUMNS = ("source", "person", "expression", "onset_s", "offset_s")
_ASK = "Code the parts that parts.csv lists"


def write_empty(
    folder: Path,
    sample: CodingSample,
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
    sample_path, parts_path, page_path = (folder / name for name in (SAMPLE_NAME, PARTS_NAME, PAGE_NAME))
    coded = _coded_paths(folder, videos, to)
    written = Written([sample_path, parts_path, *coded])
    for path in [*written.paths, page_path] if pictures else written.paths:
        refuse_existing(path, overwrite=overwrite)
    folder_of_media = MediaFolder(media, tuple(video.video for video in videos))
    if pictures:
        files = {folder_of_media.find(video.video): video.video for video in videos}
        shown = {file: (Path(name).name, sample.moments[name]) for file, name in files.items() if file is not None}
        if shown:
            write_people(page_path, shown, written.warnings)
            written.paths.append(page_path)
    write_sample(sample_path, sample)
    write_parts(parts_path, sample)
    if to == "csv":
        write_rows(coded[0], _CSV_COLUMNS, _empty_rows(videos))
        return written
    warn_of_missing(folder_of_media, folder_of_media.sources, written.warnings)
    entries = []
    for video in videos:
        linked = link_media(
            video.video,
            folder,
            folder_of_media,
            end_s=video.end_s or 0.0,
            fps=sample.fps[video.video],
            warnings=written.warnings,
        )
        entries.append((linked, within_media(replace(video, video=linked.path), linked.length_s)))
    _write_coded(coded, entries, to, classes)
    return written


def _coded_paths(folder: Path, videos: Sequence[VideoAnnotations], to: str) -> list[Path]:
    """Return the paths of the files to code: one per video, or one for all."""
    if to in ("boris", "csv"):
        return [folder / f"to-code.{to}"]
    suffix = {"elan": ".eaf", "praat": ".TextGrid"}[to]
    paths: list[Path] = []
    for name in short_names([video.video for video in videos]):
        paths.append(free_name(folder / f"{name}{suffix}", {clash_key(path) for path in paths}))
    return paths


def _write_coded(
    paths: Sequence[Path], entries: Sequence[tuple[Media, VideoAnnotations]], to: str, classes: Sequence[str]
) -> None:
    if to == "boris":
        write_boris(paths[0], entries, behaviours=classes, description=_ASK)
        return
    for path, (media, video) in zip(paths, entries, strict=True):
        if to == "elan":
            write_elan(path, video, vocabulary=classes, author="")
        else:
            write_praat(path, video, end_s=media.length_s)


def _empty_rows(videos: Sequence[VideoAnnotations]) -> list[list[object]]:
    return [[video.video, person, None, None, None] for video in videos for person in video.tiers]
