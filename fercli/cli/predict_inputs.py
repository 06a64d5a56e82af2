"""The inputs that `fer predict` reads: sources, the frames of videos, and the boxes of faces."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fercli.cli import console
from fercli.errors import DataError, UsageError
from fercli.formatting import pluralize

if TYPE_CHECKING:
    from fercli.media.selection import FrameSelection
    from fercli.media.sources import Source
    from fercli.predict.given_faces import GivenFaces


def named_sources(arguments: list[str], out: Path | None, *, quiet: bool) -> list[Source]:
    """Return what the arguments name, `-` being a list on stdin, without the files of an earlier run in --out.

    Reports how many files in folders are neither pictures nor videos, unless `quiet`.
    """
    from fercli.media.sources import find_sources

    names = [name for given in arguments for name in (console.names_from_stdin() if given == "-" else (given,))]
    if not names:
        raise UsageError("stdin names no source", fix="find photos -name '*.jpg' | fer predict -")
    skipped: set[Path] = set()
    sources = find_sources(names, on_skipped=skipped.add)
    if out is not None:
        sources, skipped = _without_results(sources, skipped, names, out)
        if not sources:
            raise DataError(
                f"all sources are results of an earlier run in {out}", fix="give pictures or videos to read"
            )
    sources, copies = _without_copies(sources, names)
    if copies:
        console.warn(
            f"not read: {pluralize(len(copies), 'annotated copy', 'annotated copies')} of an earlier run, e.g. {copies[0].name}"
        )
    if skipped and not quiet:
        files = pluralize(len(skipped), "file")
        console.say(f"skipped {files} whose names are not those of pictures or videos, e.g. {min(skipped)}")
    return sources


def frame_selection(fps: float | None, start: str | None, end: str | None) -> FrameSelection:
    """Return what --fps, --start and --end select."""
    from fercli.media.selection import FrameSelection, parse_time

    start_s = 0.0 if start is None else parse_time(start, option="--start")
    return FrameSelection(start_s, None if end is None else parse_time(end, option="--end"), fps)


def as_requested(
    sources: list[Source], selection: FrameSelection, *, seconds: float | None, reconnect_s: float | None
) -> list[Source]:
    """Return the sources with what --fps, --start, --end, --seconds and --reconnect ask for."""
    selected = _with_selection(sources, selection)
    return _with_reconnect(selected if seconds is None else _with_endless(selected), reconnect_s)


def _with_selection(sources: list[Source], selection: FrameSelection) -> list[Source]:
    """Read only the selected frames of videos, one of which must be among the sources."""
    from fercli.media.animation import ANIMATED_SUFFIXES, is_animation
    from fercli.media.selection import EVERY_FRAME

    def may_move(source: Source) -> bool:
        named = source.kind == "video" or source.fault or source.path.suffix.lower() in ANIMATED_SUFFIXES
        return bool(named) or (source.address is None and is_animation(source.path))

    if selection != EVERY_FRAME and not any(map(may_move, sources)):
        raise UsageError("--fps, --start and --end need a video among the sources", fix="remove them")
    return [replace(source, selection=selection) for source in sources]


def _with_endless(sources: list[Source]) -> list[Source]:
    """Mark videos over http as endless, which cameras are, for --seconds."""
    sources = [
        replace(source, endless=True) if isinstance(source.address, str) and source.kind == "video" else source
        for source in sources
    ]
    if not any(source.is_live for source in sources):
        raise UsageError("--seconds needs a camera or stream among the sources", fix="remove --seconds")
    return sources


def _with_reconnect(sources: list[Source], reconnect_s: float | None) -> list[Source]:
    """Open live sources again that break off, for --reconnect."""
    if reconnect_s is None:
        return sources
    if not any(source.is_live for source in sources):
        raise UsageError("--reconnect needs a camera or stream among the sources", fix="remove --reconnect")
    return [replace(source, reconnect_s=reconnect_s) if source.is_live else source for source in sources]


def describe_boxes(path: Path) -> str:
    """Return name and digest of the file of --boxes, as settings record it. Raises: DataError if there is none."""
    from fercli.system.digest import file_sha256

    if not path.is_file():
        raise DataError(f"{path}: no such file", fix="check the path of --boxes")
    return f"given in {path.name}, sha256 {file_sha256(path)[:16]}"


def given_faces(path: Path, sources: list[Source]) -> GivenFaces:
    """Read the faces of --boxes, whose rows must be about these sources."""
    from fercli.predict.boxes_file import read_boxes

    if any(source.is_live for source in sources):
        raise UsageError(
            "--boxes needs files: frames of cameras and streams have no fixed numbers", fix="remove --boxes"
        )
    given = read_boxes(path)
    given.check(sources)
    return given


def _without_results(
    sources: list[Source], skipped: set[Path], names: list[str], out: Path
) -> tuple[list[Source], set[Path]]:
    """Leave out what an earlier run wrote: all of --out if it is in a folder to be read, otherwise its annotated copies."""
    from fercli.predict.job import earlier_copies

    folder = Path(os.path.realpath(out))
    searched = [Path(os.path.realpath(root)) for name in names if (root := _searched(name)) is not None]
    inside = any(root in folder.parents for root in searched)
    copies = {Path(os.path.realpath(path)) for path in earlier_copies(out)}

    def is_result(path: Path) -> bool:
        real = Path(os.path.realpath(path))
        return folder in real.parents if inside else real in copies

    left = [source for source in sources if source.address is not None or not is_result(source.path)]
    return left, {path for path in skipped if not is_result(path)}


def _without_copies(sources: list[Source], names: list[str]) -> tuple[list[Source], list[Source]]:
    """Leave out annotated copies of earlier runs in folders that hold other files too, and return them.

    Files that are named are read, and a folder with nothing else.
    """
    from fercli.predict.job import earlier_copies

    named = {Path(os.path.realpath(name)) for name in names}
    files = [source for source in sources if source.address is None and not source.fault]
    folders = {parent for source in files for parent in source.real_path.parents}
    copies = {Path(os.path.realpath(path)) for folder in folders for path in earlier_copies(folder)} - named
    left_out = [source for source in files if source.real_path in copies]
    if not left_out or len(left_out) == len(sources):
        return sources, []
    keys = {source.key for source in left_out}
    return [source for source in sources if source.key not in keys], left_out


def _searched(name: str) -> Path | None:
    """The folder that is searched: the name itself, or the part of a pattern before its first wildcard; None for a file."""
    path = Path(name)
    if path.is_dir():
        return path
    before = re.split(r"[*?[]", name)[0]
    return None if before == name or path.exists() else Path(before + "x").parent
