"""The registry of public weights: names in, where each lies, what it is and on what terms out. Reads weights/registry.json."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fercli.config.labels import SCHEMAS
from fercli.config.validate import from_dict
from fercli.errors import WeightsError
from fercli.system.shipped import weights_folders

FORMAT = 1
NAME = "registry.json"
_SHAPE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PLACES = ("https://", "http://", "gdrive:", "hf:")
Kind = Literal["poster_v2", "mobilefacenet", "ir50", "archive"]


@dataclass(frozen=True)
class Member:
    """A file inside an archive: which (a pattern for its name, in lower case), and what becomes of it."""

    match: str
    name: str
    kind: Literal["poster_v2", "mobilefacenet", "ir50"]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One published file.

    places: URLs, `gdrive:ID` (Google Drive) or `hf:OWNER/REPOSITORY/FILE` (Hugging Face), tried in turn.
    sha256: of the file, None where its owner publishes none: then the first download is recorded and trusted.
    labels: label schemas it may have been trained on; of several, the one with its number of classes is taken.
    scores: figures its authors report. members: of an archive.
    """

    name: str
    what: str
    kind: Kind
    file: str
    places: tuple[str, ...]
    licence: str
    sha256: str | None = None
    labels: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    members: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        names = [self.name, self.file, *(member.name for member in self.members)]
        faults = [f"{name!r} is no plain name" for name in names if not plain_name(name.lower())]
        faults += [f"{place!r} is no place" for place in self.places if not place.startswith(_PLACES)]
        if not self.places:
            faults.append("it has no place")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            faults.append("its sha256 is not 64 hexadecimal digits")
        if (self.kind == "archive") != bool(self.members):
            faults.append("archives, and only they, have members")
        stated = {*self.labels, *(label for member in self.members for label in member.labels)}
        faults += [f"no label schema is called {label!r}" for label in stated - set(SCHEMAS)]
        if faults:
            raise ValueError(f"entry {self.name!r}: {'; '.join(faults)}")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names by which the weights are asked for once the file is pulled."""
        return tuple(member.name for member in self.members) or (self.name,)


def plain_name(name: str) -> bool:
    """Whether a name can be a file's everywhere and hides no path."""
    return _SHAPE.fullmatch(name) is not None


def read_registry(path: Path | None = None) -> dict[str, Entry]:
    """Every entry by name, of a file of one's own or of the one that comes with the package; WeightsError if broken."""
    path = path or next((folder / NAME for folder in weights_folders() if (folder / NAME).is_file()), Path(NAME))
    fix = "give a registry file with --registry, or install fercli again"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"the registry {path} cannot be read ({error})", fix=fix) from error
    if (
        not isinstance(content, Mapping)
        or content.get("format") != FORMAT
        or not isinstance(content.get("weights"), list)
    ):
        raise WeightsError(f"{path} is no registry of format {FORMAT}", fix=fix)
    entries = [from_dict(Entry, values, where=str(path), error=WeightsError, fix=fix) for values in content["weights"]]
    names = [name for entry in entries for name in {entry.name, *entry.outputs}]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise WeightsError(f"{path} uses a name twice: {', '.join(doubled)}", fix=fix)
    return {entry.name: entry for entry in entries}


def find_entry(name: str, registry: Mapping[str, Entry]) -> Entry:
    """The entry of that name, or the archive that brings it; WeightsError with the nearest name."""
    for entry in registry.values():
        if name == entry.name or name in entry.outputs:
            return entry
    known = [output for entry in registry.values() for output in {entry.name, *entry.outputs}]
    near = difflib.get_close_matches(name, known, n=1)
    raise WeightsError(
        f"no public weights are called {name!r}",
        fix=f"did you mean {near[0]}? fer weights list shows all" if near else f"known: {', '.join(registry)}",
    )
