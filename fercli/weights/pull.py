"""A name of the registry in; its file fetched, checked, unpacked and converted, and found by name from then on."""

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
from fercli.weights.download import discard_part, download
from fercli.weights.files import TORCH_SUFFIX
from fercli.weights.foreign.file import About, ConvertReport, convert_file
from fercli.weights.locations import PlaceError, url_of
from fercli.weights.receipts import Receipt, read_receipt, write_receipt
from fercli.weights.registry import Entry, find_entry, read_registry

BY_HAND = "by hand"
Trust = Literal["published", "recorded", "first use"]


@dataclass(frozen=True)
class PullResult:
    """What became of one entry. outputs: weights files by name. reports: what became of their tensors.

    fresh: False where everything was there already. trust: what the file's hash was held against: the one its owner
    publishes, the one recorded when it was first pulled, or nothing yet (first use).
    left_out: files of an archive that became no weights, with why.
    """

    name: str
    fresh: bool
    place: str
    sha256: str
    trust: Trust
    outputs: Mapping[str, Path]
    reports: tuple[ConvertReport, ...] = ()
    left_out: Mapping[str, str] | None = None


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
    """Fetch public weights and turn them into files of ours; what is there and as it was recorded is left alone.

    offline: only use what was downloaded before, or put there by hand. overwrite: fetch again. trust_new: accept a file
    that differs from the one recorded at first use, where its owner publishes no hash. discard: delete the published
    file once it is converted.
    Errors: WeightsError for an unknown name, for a file that cannot be had (with where to put it by hand), that is
    another than expected or cannot be converted; RefusedError for a full disk.
    """
    entry = find_entry(name, read_registry(registry))
    receipt = read_receipt(entry.name)
    if receipt is not None and not overwrite and _is_whole(receipt):
        return PullResult(
            entry.name, False, receipt.place, receipt.sha256, _trust(entry, receipt, receipt.place), _outputs(receipt)
        )
    file = downloads_folder() / entry.file
    if overwrite and not offline:
        file.unlink(missing_ok=True)
        discard_part(file)
    first_use = {} if trust_new or receipt is None else dict(receipt.first_use)
    was_there = file.is_file()
    place, found = _get(entry, file, first_use, offline=offline, progress=progress)
    try:
        reports, left_out = _convert(entry, file, {"url": url_of(place), "sha256": found})
    except WeightsError:
        if not was_there and entry.sha256 is None:
            file.unlink()  # whatever it is, it is not what is wanted: the next pull must not find it
        raise
    made = Receipt(
        name=entry.name,
        place=place,
        file=entry.file,
        sha256=found,
        bytes=file.stat().st_size,
        pulled=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        outputs={report.out.stem: file_sha256(report.out) for report in reports},
        first_use={**first_use, place: found},
    )
    trust = _trust(entry, replace(made, first_use=first_use), place)
    write_receipt(made)
    if discard:
        file.unlink()
    return PullResult(entry.name, True, place, found, trust, _outputs(made), tuple(reports), left_out)


def _trust(entry: Entry, receipt: Receipt, place: str) -> Trust:
    if entry.sha256 is not None:
        return "published"
    return "recorded" if place in receipt.first_use else "first use"


def _outputs(receipt: Receipt) -> dict[str, Path]:
    return {name: pulled_folder() / f"{name}{TORCH_SUFFIX}" for name in receipt.outputs}


def _is_whole(receipt: Receipt) -> bool:
    """Whether every output is there with the bytes that were written."""
    return all(
        path.is_file() and file_sha256(path) == receipt.outputs[name] for name, path in _outputs(receipt).items()
    )


def _get(
    entry: Entry, file: Path, first_use: Mapping[str, str], *, offline: bool, progress: Progress
) -> tuple[str, str]:
    """Make `file` be there; returns the place it is from and its sha256."""
    if file.is_file():
        found = file_sha256(file)
        known = {hash_: place for place, hash_ in first_use.items()}
        expected = entry.sha256 or (None if not known else found if found in known else next(iter(known)))
        if expected is not None and found != expected:
            raise WeightsError(
                f"{file} is another file than expected: its sha256 is {found}, not {expected}",
                fix=f"fer weights pull {entry.name} --overwrite fetches it; --trust-new accepts this one",
            )
        return known.get(found, BY_HAND), found
    refused: list[str] = []
    if not offline:
        for place in entry.places:
            try:
                expected = entry.sha256 or first_use.get(place)
                return place, download(place, file, sha256=expected, progress=progress)
            except WeightsError as error:
                if entry.sha256 is None:  # another file than at first: the next place must not be trusted in its stead
                    raise WeightsError(
                        error.message,
                        fix=f"find out why it changed; fer weights pull {entry.name} --overwrite --trust-new accepts it",
                    ) from error
                refused.append(error.message)
            except PlaceError as error:
                refused.append(f"{url_of(place)}: {error}")
    told = "; ".join(refused) or "--offline was given, and it was not downloaded before"
    raise WeightsError(
        f"{entry.name} cannot be had: {told}",
        fix=f"get {url_of(entry.places[0])} with a browser, put it at {file}, and give the same command again",
    )


def _convert(
    entry: Entry, file: Path, provenance: Mapping[str, str]
) -> tuple[list[ConvertReport], dict[str, str] | None]:
    """Write the file's weights, or every known file's of an archive, under their names."""
    about = About(entry.name, entry.licence, provenance, entry.scores)
    if entry.kind != "archive":
        return [_convert_one(file, entry.name, kind=entry.kind, labels=entry.labels, about=about)], None
    reports: list[ConvertReport] = []
    left_out: dict[str, str] = {}
    with TemporaryDirectory(dir=file.parent, prefix=".unpacked-") as folder:
        for inner in unpack(file, Path(folder)):
            member = next((one for one in entry.members if fnmatch.fnmatch(inner.name.lower(), one.match)), None)
            if member is None:
                left_out[inner.name] = "not known to the registry"
                continue
            try:
                report = _convert_one(
                    inner, member.name, kind=member.kind, labels=member.labels, about=replace(about, name=member.name)
                )
            except FerError as error:
                left_out[inner.name] = error.message.replace(str(inner), inner.name)
            else:
                reports.append(replace(report, source=Path(entry.file, inner.name)))
    if not reports:
        told = "; ".join(f"{name}: {why}" for name, why in left_out.items()) or "it is empty"
        raise WeightsError(f"{file} holds nothing that can be used: {told}", fix="fer weights list shows other places")
    return reports, left_out


def _convert_one(file: Path, name: str, *, kind: str, labels: tuple[str, ...], about: About) -> ConvertReport:
    out = pulled_folder() / f"{name}{TORCH_SUFFIX}"
    return convert_file(file, out, kind=kind, labels=labels or None, overwrite=True, about=about)
