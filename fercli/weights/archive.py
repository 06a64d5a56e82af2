"""A tar archive in, its regular files under their bare names out: nothing is written anywhere else."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from fercli.errors import WeightsError

MOST_BYTES = 20_000_000_000  # of all files together


def unpack(archive: Path, folder: Path) -> Iterator[Path]:
    """Write every regular file of a tar archive into `folder`, under its last name alone, and yield it.

    Links, devices and names that lead out of the archive refuse the whole of it before anything is written.
    Raises: WeightsError for these, for two files of one name, for what is no tar archive, and for one that is too large.
    """
    fix = "do not use this file; get it from its owner again"
    try:
        with tarfile.open(archive, "r:*") as tar:
            members = tar.getmembers()
            odd = [member.name for member in members if not (member.isreg() or member.isdir())]
            out = [member.name for member in members if ".." in Path(member.name).parts or member.name.startswith("/")]
            files = [member for member in members if member.isreg()]
            names = [Path(member.name).name for member in files]
            doubled = {name for name in names if names.count(name) > 1}
            for what, found in (
                ("links or devices", odd),
                ("paths that lead out of it", out),
                ("one name twice", doubled),
            ):
                if found:
                    raise WeightsError(f"{archive} holds {what}: {', '.join(sorted(found)[:3])}", fix=fix)
            if sum(member.size for member in files) > MOST_BYTES:
                raise WeightsError(f"{archive} unpacks to more than {MOST_BYTES / 1e9:.0f} GB", fix=fix)
            folder.mkdir(parents=True, exist_ok=True)
            for member, name in zip(files, names, strict=True):
                if name.startswith("."):  # resource forks of macOS and the like
                    continue
                content = tar.extractfile(member)
                if content is not None:
                    with content, (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
                    yield folder / name
    except (tarfile.TarError, EOFError, OSError) as error:
        raise WeightsError(f"{archive} is no tar archive, or is broken ({error})", fix="pull it again") from error
