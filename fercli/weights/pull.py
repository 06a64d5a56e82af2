"""Pull public weights: download, verify, unpack and convert an entry of the registry."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from fercli.errors import FerError, WeightsError
from fercli.progress import Progress, silent
from fercli.system.cache import downloads_folder, pulled_folder
from fercli.system.digest import file_sha256
from fercli.weights.archive import unpack
from fercli.weights.download import discard_partial, download
from fercli.weights.files import TORCH_SUFFIX
from fercli.weights.foreign.convert import CardDetails, ConvertReport, convert
from fercli.weights.locations import DownloadError, url_of
from fercli.weights.receipts import Receipt, read_receipt, write_receipt
from fercli.weights.registry import ARCHIVE, RegistryEntry, find_entry, read_registry

BY_HAND = "by hand"
Trust = Literal["published", "recorded", "first use"]


@dataclass(frozen=True)
class PullResult:
    """What `pull` did with one entry.

    fresh: False if everything was there already. location: the source of the file, or `by hand`.
    trust: the hash that the file was compared with: published by its owner, recorded at the first download, or none yet.
    outputs: weights files by name. reports: of their conversions. skipped: files of an archive that were not converted, with
    the reason.
    """

    name: str
    fresh: bool
    location: str
    sha256: str
    trust: Trust
    outputs: Mapping[str, Path]
    reports: tuple[ConvertReport, ...] = ()
    skipped: Mapping[str, str] | None = None


def pull(
    name: str,
    *,
    registry: Path | None = None,
    offline: bool = False,
    overwrite: bool = False,
    trust_new: bool = False,
    discard: bool = False,
    progress: Progress = silent,
) -> PullResult:
    """Download public weights and convert them; files that exist with their recorded hashes are kept.

    offline: use only files that were downloaded before or put there by hand. overwrite: download again. trust_new: accept
    a file that differs from the first download, where its owner publishes no hash. discard: delete the published file
    after its conversion.
    Raises: WeightsError for an unknown name, for a file that could not be downloaded (with the path to put it at by
    hand), that has another hash or cannot be converted; RefusedError for a full disk.
    """
    entry = find_entry(name, read_registry(registry))
    receipt = read_receipt(entry.name)
    if receipt is not None and not overwrite and _is_complete(receipt):
        trust = _trust(entry, receipt.first_use, receipt.location)
        return PullResult(entry.name, False, receipt.location, receipt.sha256, trust, _outputs(receipt))
    file = downloads_folder() / entry.file
    if overwrite and not offline:
        file.unlink(missing_ok=True)
        discard_partial(file)
    first_use = {} if trust_new or receipt is None else dict(receipt.first_use)
    existed = file.is_file()
    location, sha256 = _fetch(entry, file, first_use, offline=offline, progress=progress)
    try:
        reports, skipped = _convert(entry, file, {"url": url_of(location), "sha256": sha256})
    except WeightsError:
        if not existed and entry.sha256 is None:
            file.unlink()  # not a usable file: the next pull must not find it
        raise
    new_receipt = Receipt(
        name=entry.name,
        location=location,
        file=entry.file,
        sha256=sha256,
        bytes=file.stat().st_size,
        pulled=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        outputs={report.out.stem: file_sha256(report.out) for report in reports},
        first_use={**first_use, location: sha256},
    )
    write_receipt(new_receipt)
    if discard:
        file.unlink()
    trust = _trust(entry, first_use, location)
    return PullResult(entry.name, True, location, sha256, trust, _outputs(new_receipt), tuple(reports), skipped)


def _trust(entry: RegistryEntry, first_use: Mapping[str, str], location: str) -> Trust:
    if entry.sha256 is not None:
        return "published"
    return "recorded" if location in first_use else "first use"


def _outputs(receipt: Receipt) -> dict[str, Path]:
    return {name: pulled_folder() / f"{name}{TORCH_SUFFIX}" for name in receipt.outputs}


def _is_complete(receipt: Receipt) -> bool:
    """Whether every output exists with its recorded hash."""
    return all(
        path.is_file() and file_sha256(path) == receipt.outputs[name] for name, path in _outputs(receipt).items()
    )


def _fetch(
    entry: RegistryEntry, file: Path, first_use: Mapping[str, str], *, offline: bool, progress: Progress
) -> tuple[str, str]:
    """Use the existing file or download it; returns its location and sha256."""
    if file.is_file():
        return _verify_existing(entry, file, first_use)
    failures: list[str] = []
    if not offline:
        for location in entry.locations:
            try:
                expected = entry.sha256 or first_use.get(location)
                return location, download(location, file, sha256=expected, progress=progress)
            except WeightsError as error:
                if (
                    entry.sha256 is None
                ):  # the file was replaced since the first download: do not trust a mirror instead
                    raise WeightsError(
                        error.message,
                        fix=f"find out why it changed; fer weights pull {entry.name} --overwrite --trust-new accepts it",
                    ) from error
                failures.append(error.message)
            except DownloadError as error:
                failures.append(f"{url_of(location)}: {error}")
                if error.offline:
                    break  # the other locations are as far away
    reason = "; ".join(failures) or "--offline was given, and it was not downloaded before"
    raise WeightsError(
        f"could not download {entry.name}: {reason}",
        fix=f"get {url_of(entry.locations[0])} with a browser, put it at {file}, and repeat the command",
    )


def _verify_existing(entry: RegistryEntry, file: Path, first_use: Mapping[str, str]) -> tuple[str, str]:
    sha256 = file_sha256(file)
    location_of = {hash_: location for location, hash_ in first_use.items()}
    expected = entry.sha256 or (sha256 if not location_of or sha256 in location_of else next(iter(location_of)))
    if sha256 != expected:
        raise WeightsError(
            f"sha256 mismatch for {file}: expected {expected}, got {sha256}",
            fix=f"fer weights pull {entry.name} --overwrite downloads it again; --trust-new accepts this one",
        )
    return location_of.get(sha256, BY_HAND), sha256


def _convert(
    entry: RegistryEntry, file: Path, provenance: Mapping[str, str]
) -> tuple[list[ConvertReport], dict[str, str] | None]:
    """Convert the file, or every file of an archive that the registry lists."""
    details = CardDetails(entry.name, entry.licence, provenance, entry.scores)
    if entry.kind != ARCHIVE:
        return [_convert_file(file, entry.name, kind=entry.kind, labels=entry.labels, details=details)], None
    reports: list[ConvertReport] = []
    skipped: dict[str, str] = {}
    with TemporaryDirectory(dir=file.parent, prefix=".unpacked-") as folder:
        for path in unpack(file, Path(folder)):
            member = next((known for known in entry.members if fnmatch.fnmatch(path.name.lower(), known.match)), None)
            if member is None:
                skipped[path.name] = "not in the registry"
                continue
            named = replace(details, name=member.name)
            try:
                report = _convert_file(path, member.name, kind=member.kind, labels=member.labels, details=named)
            except FerError as error:
                skipped[path.name] = error.message.replace(str(path), path.name)
            else:
                reports.append(replace(report, source=Path(entry.file, path.name)))
    if not reports:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items()) or "it is empty"
        raise WeightsError(f"{file} contains no usable weights: {reasons}", fix="fer weights list shows other weights")
    return reports, skipped


def _convert_file(file: Path, name: str, *, kind: str, labels: tuple[str, ...], details: CardDetails) -> ConvertReport:
    out = pulled_folder() / f"{name}{TORCH_SUFFIX}"
    return convert(file, out, source_format=kind, labels=labels or None, overwrite=True, details=details)
