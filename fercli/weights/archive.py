"""Unpack tar archives safely: regular files only, under their file names alone."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from fercli.errors import WeightsError

MAX_BYTES = 20_000_000_000  # of all files together


def unpack(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES) -> Iterator[Path]:
    """Write every regular file of a tar archive into `folder`, under its file name without its path, and yield it.

    Nothing is written if the archive contains links, devices or paths outside the archive, two files of one name, or too
    much data. Raises: WeightsError for these, and for a file that is not a tar archive.
    """
    try:
        with tarfile.open(archive, "r:*") as tar:
            files = _checked_files(archive, tar.getmembers(), max_bytes)
            folder.mkdir(parents=True, exist_ok=True)
            for member in files:
                name = Path(member.name).name
                content = None if name.startswith(".") else tar.extractfile(member)  # resource forks of macOS and such
                if content is not None:
                    with content, (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
                    yield folder / name
    except (tarfile.TarError, EOFError, OSError) as error:
        raise WeightsError(f"{archive} is broken or not a tar archive ({error})", fix="pull it again") from error


def _checked_files(archive: Path, members: list[tarfile.TarInfo], max_bytes: int) -> list[tarfile.TarInfo]:
    """The regular files among the members; WeightsError if the archive is unsafe."""
    files = [member for member in members if member.isreg()]
    names = [Path(member.name).name for member in files]
    problems = {
        "links or devices": [member.name for member in members if not (member.isreg() or member.isdir())],
        "paths outside the archive": [
            member.name for member in members if ".." in Path(member.name).parts or member.name.startswith("/")
        ],
        "one name twice": sorted({name for name in names if names.count(name) > 1}),
    }
    fix = "do not use this file; get it from its owner again"
    for problem, affected in problems.items():
        if affected:
            raise WeightsError(f"{archive} contains {problem}: {', '.join(sorted(affected)[:3])}", fix=fix)
    if sum(member.size for member in files) > max_bytes:
        raise WeightsError(f"{archive} unpacks to more than {max_bytes / 1e9:g} GB", fix=fix)
    return files
