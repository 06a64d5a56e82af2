"""Earlier versions of the default model: in the git history of a clone, listed with their hashes in weights/registry.json."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import fercli
from fercli.config.validate import from_dict
from fercli.errors import WeightsError
from fercli.system.cache import pulled_folder
from fercli.system.digest import file_sha256
from fercli.system.files import replacing
from fercli.weights.registry import registry_content

_KEY = "versions"


@dataclass(frozen=True)
class EarlierVersion:
    """A version that was shipped before.

    blob: git's hash of each file's content, by suffix. sha256: of the same files.
    """

    name: str
    blob: dict[str, str]
    sha256: dict[str, str]

    def __post_init__(self) -> None:
        hashes = [re.fullmatch(r"[0-9a-f]{64}", value) for value in self.sha256.values()]
        blobs = [re.fullmatch(r"[0-9a-f]{40}", value) for value in self.blob.values()]
        if not hashes or not all(hashes + blobs) or self.blob.keys() != self.sha256.keys():
            raise ValueError(f"version {self.name!r}: blob or sha256 is not a full hash of each file")

    def file(self, suffix: str) -> Path:
        """Return where `restore` puts the file, and every command finds it by name."""
        return pulled_folder() / f"{self.name}{suffix}"

    @property
    def is_restored(self) -> bool:
        """Whether all of its files exist."""
        return all(self.file(suffix).is_file() for suffix in self.sha256)


def read_versions(registry: Path | None = None) -> dict[str, EarlierVersion]:
    """Read the earlier versions by name, of the given registry or of that in the package. Raises: WeightsError."""
    path, content = registry_content(registry)
    fix = "--registry FILE, or install fercli again"
    entries = [
        from_dict(EarlierVersion, values, where=str(path), error=WeightsError, fix=fix)
        for values in content.get(_KEY, [])
    ]
    return {entry.name: entry for entry in entries}


def restore(
    name: str, *, clone: Path | None = None, registry: Path | None = None, overwrite: bool = False
) -> dict[str, Path]:
    """Copy the files of an earlier version from the history of a clone into the cache, without network; by suffix.

    clone: a clone of the repository of this package (default: the one that the package is in). Files with the right hash are
    kept. overwrite: replace files that have another one.
    Raises: WeightsError for an unknown name, a folder without that history, and files with another hash.
    """
    versions = read_versions(registry)
    if name not in versions:
        raise WeightsError(f"no earlier version {name!r}", fix=f"known: {', '.join(versions) or 'none'}")
    version = versions[name]
    folder = clone or Path(fercli.__file__).parents[1]
    files = {}
    for suffix, expected in version.sha256.items():
        path = files[suffix] = version.file(suffix)
        if path.is_file():
            if file_sha256(path) == expected:
                continue
            if not overwrite:
                raise WeightsError(f"{path} is not the {name} that was shipped", fix="--overwrite replaces it")
        content = _read(folder, version, suffix)
        if hashlib.sha256(content).hexdigest() != expected:
            raise WeightsError(
                f"git's {version.blob[suffix][:7]} in {folder} is not the {name} that was shipped", fix="another clone"
            )
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    return files


def _read(folder: Path, version: EarlierVersion, suffix: str) -> bytes:
    """Read a file by its hash in git. Raises: WeightsError if the folder is not a clone, or lacks the file."""
    words = ["git", "cat-file", "blob", version.blob[suffix]]
    try:
        # a clone without the old files would download them
        done = subprocess.run(
            words, cwd=folder, capture_output=True, check=False, env={**os.environ, "GIT_NO_LAZY_FETCH": "1"}
        )
        reason = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
    except OSError as error:
        raise _error(folder, version, str(error)) from error
    if done.returncode:
        raise _error(folder, version, reason[-1] if reason else f"git ended with {done.returncode}")
    return done.stdout


def _error(folder: Path, version: EarlierVersion, reason: str) -> WeightsError:
    return WeightsError(
        f"{folder} has no history with the files of {version.name} ({reason})",
        fix=f"clone the repository with its whole history, then fer weights restore {version.name} --clone DIR",
    )


def hashes_of(versions: Mapping[str, EarlierVersion]) -> dict[Path, str]:
    """Return the expected hash of every restored file that exists."""
    found = {
        version.file(suffix): expected for version in versions.values() for suffix, expected in version.sha256.items()
    }
    return {path: expected for path, expected in found.items() if path.is_file()}
