"""The registry of public weights, weights/registry.json: what each is, where to download it, and its licence."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fercli.config.labels import SCHEMAS
from fercli.config.validate import from_dict
from fercli.errors import WeightsError
from fercli.system.json_text import parse_json
from fercli.system.shipped import weights_folders
from fercli.weights.foreign.formats import FORMATS

_FORMAT = 1
_FIX = "--registry FILE, or install fercli again"
_FILE_NAME = "registry.json"
_VALID_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_URL_PREFIXES = ("https://", "http://", "gdrive:", "hf:")
ARCHIVE = "archive"  # the kind of a tar file with several checkpoints


@dataclass(frozen=True)
class ArchiveMember:
    """A checkpoint inside an archive. match: pattern of its file name, in lower case; kind: name of its ForeignFormat."""

    match: str
    name: str
    kind: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class RegistryEntry:
    """One published file.

    kind: name of its ForeignFormat, or `archive`.
    locations: URLs, `gdrive:ID` (Google Drive) or `hf:OWNER/REPOSITORY/FILE` (Hugging Face), tried in turn.
    sha256: of the file, None if its owner publishes none: then the hash of the first download is recorded and trusted.
    labels: label schemas it may have been trained on; of several, the one with its number of classes is used.
    scores: as reported by its authors. members: of an archive.
    """

    name: str
    description: str
    kind: str
    file: str
    locations: tuple[str, ...]
    licence: str
    sha256: str | None = None
    labels: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    members: tuple[ArchiveMember, ...] = ()

    def __post_init__(self) -> None:
        names = [self.name, self.file, *(member.name for member in self.members)]
        errors = [f"{name!r} is not a valid name" for name in names if not valid_name(name.lower())]
        errors += [
            f"{location!r} is not a URL, gdrive:ID or hf:OWNER/REPOSITORY/FILE"
            for location in self.locations
            if not location.startswith(_URL_PREFIXES)
        ]
        if not self.locations:
            errors.append("it has no locations")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            errors.append("its sha256 does not have 64 hexadecimal digits")
        kinds = [member.kind for member in self.members] if self.kind == ARCHIVE else [self.kind]
        errors += [f"unknown kind {kind!r}" for kind in kinds if kind not in FORMATS]
        if (self.kind == ARCHIVE) != bool(self.members):
            errors.append("archives have members, other kinds have none")
        labels = {*self.labels, *(label for member in self.members for label in member.labels)}
        errors += [f"unknown label schema {label!r}" for label in labels - set(SCHEMAS)]
        if errors:
            raise ValueError(f"entry {self.name!r}: {'; '.join(errors)}")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the weights once the file is pulled."""
        return tuple(member.name for member in self.members) or (self.name,)


def valid_name(name: str) -> bool:
    """Whether a name is valid as a file name on every system and contains no path."""
    return _VALID_NAME.fullmatch(name) is not None


def registry_content(path: Path | None = None) -> tuple[Path, Mapping[str, Any]]:
    """Return the path and the content of the given file or of the registry in the package.

    Raises: WeightsError, also if the file states a digest that does not match.
    """
    path = path or next(
        (folder / _FILE_NAME for folder in weights_folders() if (folder / _FILE_NAME).is_file()), Path(_FILE_NAME)
    )
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"the registry {path} cannot be read ({error})", fix=_FIX) from error
    if (
        not isinstance(content, Mapping)
        or content.get("format") != _FORMAT
        or not isinstance(content.get("weights"), list)
    ):
        raise WeightsError(f"{path} is not a registry of format {_FORMAT}", fix=_FIX)
    if content.get("digest", digest := registry_digest(content)) != digest:
        raise WeightsError(f"the registry {path} is damaged: its digest does not match", fix=_FIX)
    return path, content


def read_registry(path: Path | None = None) -> dict[str, RegistryEntry]:
    """Read every entry by name, of the given file or of the registry in the package. Raises: WeightsError."""
    path, content = registry_content(path)
    entries = [
        from_dict(RegistryEntry, values, where=str(path), error=WeightsError, fix=_FIX) for values in content["weights"]
    ]
    names = [name for entry in entries for name in {entry.name, *entry.outputs}]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise WeightsError(f"{path} uses a name twice: {', '.join(repeated)}", fix=_FIX)
    return {entry.name: entry for entry in entries}


def registry_digest(content: Mapping[str, Any]) -> str:
    """Return the digest of a registry: SHA-256 of the JSON, with sorted keys, of all but its own digest."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return "sha256:" + hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def find_entry(name: str, registry: Mapping[str, RegistryEntry]) -> RegistryEntry:
    """Return the entry of that name, or the archive that contains it. Raises: WeightsError with the most similar name."""
    for entry in registry.values():
        if name == entry.name or name in entry.outputs:
            return entry
    known = [output for entry in registry.values() for output in {entry.name, *entry.outputs}]
    near = difflib.get_close_matches(name, known, n=1)
    raise WeightsError(
        f"unknown public weights {name!r}",
        fix=f"did you mean {near[0]}? fer weights list shows all names" if near else f"known: {', '.join(registry)}",
    )
