"""Verify that weights files are unchanged: hashes against receipts, other files by reading them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fercli.errors import FerError
from fercli.system.cache import downloads_folder, pulled_folder
from fercli.system.digest import file_sha256
from fercli.system.model_digest import check_digest
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, check_tensors, part_of, read_card
from fercli.weights.find import shipped_weights
from fercli.weights.receipts import read_receipt
from fercli.weights.registry import RegistryEntry, find_entry, read_registry
from fercli.weights.versions import hashes_of, read_versions

VerifyStatus = Literal["ok", "changed", "missing", "broken", "not pulled"]


@dataclass(frozen=True)
class VerifyResult:
    """One file. status: `ok` if it has the recorded hash or, where none is recorded, if it can be read."""

    name: str
    path: Path
    status: VerifyStatus
    detail: str


def verify(names: Sequence[str] = (), *, registry: Path | None = None) -> list[VerifyResult]:
    """Verify weights by name, or all that are shipped, pulled or imported.

    A published file that was deleted after its conversion is not an error. Raises: WeightsError for an unknown name.
    """
    entries = read_registry(registry)
    restored = hashes_of(read_versions(registry))
    unregistered = [path for path in _unregistered(entries) if path not in restored]
    if not names:
        pulled = [entry for entry in entries.values() if read_receipt(entry.name)]
        return [
            *map(_verify_by_reading, unregistered),
            *(_verify_hash(path.stem, path, expected) for path, expected in restored.items()),
            *(result for entry in pulled for result in _verify_entry(entry)),
        ]
    results: list[VerifyResult] = []
    for name in names:
        earlier = [_verify_hash(name, path, expected) for path, expected in restored.items() if path.stem == name]
        paths = [path for path in unregistered if path.stem == name]
        results += earlier or [_verify_by_reading(path) for path in paths] or _verify_entry(find_entry(name, entries))
    return results


def _unregistered(entries: dict[str, RegistryEntry]) -> list[Path]:
    """Weights files without a receipt: shipped and imported ones."""
    public = {name for entry in entries.values() for name in entry.outputs}
    pulled = sorted(pulled_folder().glob(f"*{TORCH_SUFFIX}"))
    return [*shipped_weights(), *(path for path in pulled if path.stem not in public)]


def _verify_entry(entry: RegistryEntry) -> list[VerifyResult]:
    receipt = read_receipt(entry.name)
    if receipt is None:
        path = pulled_folder() / f"{entry.name}{TORCH_SUFFIX}"
        return [VerifyResult(entry.name, path, "not pulled", f"fer weights pull {entry.name}")]
    source = downloads_folder() / receipt.file
    results = [_verify_hash(entry.name, source, receipt.sha256)] if source.is_file() else []
    for name, expected in receipt.outputs.items():
        results.append(_verify_hash(name, pulled_folder() / f"{name}{TORCH_SUFFIX}", expected))
    return results


def _verify_hash(name: str, path: Path, expected: str) -> VerifyResult:
    if not path.is_file():
        return VerifyResult(name, path, "missing", "fer weights pull restores it")
    sha256 = file_sha256(path)
    if sha256 != expected:
        return VerifyResult(name, path, "changed", f"sha256 {sha256}, recorded {expected}")
    return VerifyResult(name, path, "ok", f"sha256 {sha256}")


def _verify_by_reading(path: Path) -> VerifyResult:
    try:
        if path.suffix == ONNX_SUFFIX:
            check_digest(path)
            contents = read_card(path).name
        else:
            contents = part_of(path) or read_card(path).name
            check_tensors(path)
    except FerError as error:
        return VerifyResult(path.stem, path, "broken", error.message)
    return VerifyResult(path.stem, path, "ok", f"{contents}, sha256 {file_sha256(path)}")
