"""The video that a file of annotations belongs to: its path from there, its length, frame rate and tracks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from fercli.coding.annotations import VideoAnnotations
from fercli.formatting import clock
from fercli.media.frames import VIDEO_SUFFIXES

_SHOWN = 5
_SHORTER_S = 1.0  # by which a file may end before the last frame that was read


@dataclass(frozen=True)
class Media:
    """A video as files of annotations link it. path: relative to the folder of the file. length_s: of the whole video."""

    path: str
    length_s: float
    fps: float
    has_picture: bool = True
    has_sound: bool = False


@dataclass(frozen=True)
class MediaFolder:
    """Where the videos of rows are. folder: None for where they were when they were read. sources: of all rows."""

    folder: Path | None
    sources: tuple[str, ...] = ()

    def find(self, source: str) -> Path | None:
        """Return the file of a video, None if it is not there.

        In a folder it may have another suffix, as the copies of `fer predict --out` have, if no other source has its name.
        """
        if self.folder is None:
            return Path(source) if Path(source).is_file() else None
        name = _name(source)
        found = next((path for path in (self.folder / source, self.folder / name) if path.is_file()), None)
        stem = PurePosixPath(name).stem
        if found is not None or sum(PurePosixPath(_name(other)).stem == stem for other in self.sources) > 1:
            return found
        copies = (self.folder / f"{stem}{suffix}" for suffix in VIDEO_SUFFIXES)
        return next((path for path in copies if path.is_file()), None)


def link_media(
    source: str, folder: Path, media: MediaFolder, *, end_s: float, fps: float, warnings: list[str]
) -> Media:
    """Return the video of rows as a file in `folder` links it, with what the header of the video states.

    end_s, fps: by the rows, for a video that is not there (see `warn_of_missing`) or whose header cannot be read, which adds a
    sentence to `warnings`.
    """
    name = _name(source)
    path = media.find(source)
    if path is None:
        return Media(name, end_s, fps)
    linked = Media(Path(os.path.relpath(path, folder)).as_posix(), end_s, fps)
    from fercli.media.details import media_details  # FFmpeg is needed for exports only

    details = media_details(path)
    if details is None:
        warnings.append(f"{path}: no length could be read from its header, so it is that of the rows")
        return linked
    if details.length_s < end_s - _SHORTER_S:
        warnings.append(
            f"{path} lasts {clock(details.length_s)}, the rows {clock(end_s)}: is it the video that was read?"
        )
    return replace(
        linked,
        length_s=details.length_s if end_s - details.length_s <= _SHORTER_S else end_s,
        fps=details.fps or fps,
        has_picture=details.has_picture,
        has_sound=details.has_sound,
    )


def warn_of_missing(media: MediaFolder, sources: Sequence[str], warnings: list[str]) -> None:
    """Add one sentence about all videos that are not there."""
    missing = [source for source in dict.fromkeys(sources) if media.find(source) is None]
    rest = "with the length and frame rate of the rows: name"
    if len(missing) == 1:
        warnings.append(
            f"{missing[0]} was not found and is linked as {_name(missing[0])}, {rest} its folder with --media"
        )
    elif missing:
        shown = ", ".join(map(_name, missing[:_SHOWN])) + (", ..." if len(missing) > _SHOWN else "")
        warnings.append(
            f"{len(missing)} videos were not found and are linked by name ({shown}), {rest} their folder with --media"
        )


def within_media(annotations: VideoAnnotations, length_s: float) -> VideoAnnotations:
    """Return annotations cut at the end of the video: the last frame of a video that was read in steps seems to last longer."""
    tiers = {
        person: tuple(replace(item, offset_s=min(item.offset_s, length_s)) for item in items if item.onset_s < length_s)
        for person, items in annotations.tiers.items()
    }
    spans = annotations.spans
    if spans is not None:
        spans = tuple((begin_s, min(end_s, length_s)) for begin_s, end_s in spans if begin_s < length_s)
    return replace(annotations, tiers=tiers, spans=spans)


def _name(source: str) -> str:
    return PurePosixPath(source.replace("\\", "/")).name
