"""Convert a foreign checkpoint and keep it in the cache under a name."""

from __future__ import annotations

import datetime
from pathlib import Path

from fercli.errors import UsageError, WeightsError
from fercli.system.cache import pulled_folder
from fercli.system.digest import file_sha256
from fercli.weights.files import TORCH_SUFFIX
from fercli.weights.find import shipped_weights
from fercli.weights.foreign.convert import CardDetails, ConvertReport, convert
from fercli.weights.foreign.formats import AUTO
from fercli.weights.pull import BY_HAND
from fercli.weights.receipts import Receipt, write_receipt
from fercli.weights.registry import ARCHIVE, RegistryEntry, read_registry, valid_name


def import_weights(
    source: Path,
    name: str,
    *,
    source_format: str = AUTO,
    labels: str | None = None,
    faces: Path | None = None,
    overwrite: bool = False,
) -> ConvertReport:
    """Convert a foreign checkpoint into the folder of pulled weights; arguments and errors as in `convert`.

    A user's own copy of public weights may have their name if it is of their kind: the file's hash is recorded as that of
    a pulled file, and a file other than the published one is refused where its owner publishes a hash.
    Raises: UsageError also for an invalid name, or the name of shipped weights.
    """
    if not valid_name(name):
        raise UsageError(
            f"{name!r} is not a valid name", fix="lower-case letters, digits, dots and dashes, such as raf-db-2"
        )
    if name in {path.stem for path in shipped_weights()}:
        raise UsageError(f"{name} is the name of shipped weights", fix=f"choose another name, such as my-{name}")
    registry = read_registry()
    entry = registry.get(name)
    if entry is not None and entry.kind != ARCHIVE:
        return _import_public(source, entry, faces=faces, overwrite=overwrite)
    if any(name in (known.name, *known.outputs) for known in registry.values()):
        raise UsageError(f"{name} comes from an archive", fix=f"fer weights pull {name}, or another name: my-{name}")
    out = pulled_folder() / f"{name}{TORCH_SUFFIX}"
    return convert(
        source,
        out,
        source_format=source_format,
        labels=labels,
        faces=faces,
        overwrite=overwrite,
        details=CardDetails(name=name),
    )


def _import_public(source: Path, entry: RegistryEntry, *, faces: Path | None, overwrite: bool) -> ConvertReport:
    """Convert a copy of public weights under their name, and record its hash."""
    name = entry.name
    if not source.is_file():
        raise WeightsError(f"there is no file {source}", fix=f"fer weights pull {name} downloads it")
    sha256 = file_sha256(source)
    if entry.sha256 is not None and sha256 != entry.sha256:
        raise WeightsError(
            f"{source} is not the published file of {name}: expected sha256 {entry.sha256}, got {sha256}",
            fix=f"choose another name, such as my-{name}",
        )
    report = convert(
        source,
        pulled_folder() / f"{name}{TORCH_SUFFIX}",
        source_format=entry.kind,
        labels=entry.labels or None,
        faces=faces,
        overwrite=overwrite,
        details=CardDetails(name, entry.licence, {"url": BY_HAND, "sha256": sha256}),
    )
    receipt = Receipt(
        name=name,
        location=BY_HAND,
        file=source.name,
        sha256=sha256,
        bytes=source.stat().st_size,
        pulled=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        outputs={name: file_sha256(report.out)},
    )
    write_receipt(receipt)
    return report
