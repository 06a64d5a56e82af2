"""Names of weights in, whether each is what was shipped, pulled and recorded out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fercli.errors import FerError
from fercli.system.cache import downloads_folder, pulled_folder
from fercli.system.digest import file_sha256
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, list_weights, load_part, load_weights, part_of, read_card
from fercli.weights.receipts import read_receipt
from fercli.weights.registry import Entry, find_entry, read_registry

State = Literal["ok", "changed", "missing", "broken", "not pulled"]


@dataclass(frozen=True)
class Verified:
    """One file. state: `ok` if it has the recorded bytes, or, where none are recorded, if it can be read whole."""

    name: str
    path: Path
    state: State
    detail: str


def verify(names: Sequence[str] = (), *, registry: Path | None = None) -> list[Verified]:
    """Check weights by name, or all that are shipped, pulled or imported: hashes against receipts, files by reading them.

    A published file that was deleted after its conversion is no fault. Errors: WeightsError for an unknown name.
    """
    entries = read_registry(registry)
    own = _unregistered(entries)
    if not names:
        pulled = [found for entry in entries.values() if read_receipt(entry.name) for found in _of_entry(entry)]
        return [*(_readable(path) for path in own), *pulled]
    found: list[Verified] = []
    for name in names:
        mine = [path for path in own if path.stem == name]
        found += [_readable(path) for path in mine] or _of_entry(find_entry(name, entries))
    return found


def _unregistered(entries: dict[str, Entry]) -> list[Path]:
    """Weights files without a receipt: shipped ones, and those imported under a name."""
    public = {name for entry in entries.values() for name in entry.outputs}
    pulled = sorted(pulled_folder().glob(f"*{TORCH_SUFFIX}"))
    return [*list_weights(), *(path for path in pulled if path.stem not in public)]


def _of_entry(entry: Entry) -> list[Verified]:
    receipt = read_receipt(entry.name)
    if receipt is None:
        told = f"fer weights pull {entry.name}"
        return [Verified(entry.name, pulled_folder() / f"{entry.name}{TORCH_SUFFIX}", "not pulled", told)]
    source = downloads_folder() / receipt.file
    found = [_compared(entry.name, source, receipt.sha256)] if source.is_file() else []
    for name, expected in receipt.outputs.items():
        found.append(_compared(name, pulled_folder() / f"{name}{TORCH_SUFFIX}", expected))
    return found


def _compared(name: str, path: Path, expected: str) -> Verified:
    if not path.is_file():
        return Verified(name, path, "missing", "fer weights pull brings it back")
    found = file_sha256(path)
    if found != expected:
        return Verified(name, path, "changed", f"sha256 {found}, recorded {expected}")
    return Verified(name, path, "ok", f"sha256 {found}")


def _readable(path: Path) -> Verified:
    try:
        if path.suffix == ONNX_SUFFIX:
            told = read_card(path).name
        elif part_of(path) is not None:
            told = load_part(path)[1].part
        else:
            told = load_weights(path)[1].name
    except FerError as error:
        return Verified(path.stem, path, "broken", error.message)
    return Verified(path.stem, path, "ok", f"{told}, sha256 {file_sha256(path)}")
