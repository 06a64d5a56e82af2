"""Convert a foreign checkpoint and keep it in the cache under a name."""

from __future__ import annotations

from pathlib import Path

from fercli.errors import UsageError
from fercli.system.cache import pulled_folder
from fercli.weights.files import TORCH_SUFFIX, shipped_weights
from fercli.weights.foreign.convert import CardDetails, ConvertReport, convert
from fercli.weights.foreign.formats import AUTO
from fercli.weights.registry import read_registry, valid_name


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

    Raises: UsageError also for an invalid name, or the name of shipped or public weights.
    """
    if not valid_name(name):
        raise UsageError(
            f"{name!r} is not a valid name", fix="lower-case letters, digits, dots and dashes, such as raf-db-2"
        )
    public = {known for entry in read_registry().values() for known in (entry.name, *entry.outputs)}
    if name in public | {path.stem for path in shipped_weights()}:
        raise UsageError(f"{name} is the name of other weights", fix=f"choose another name, such as my-{name}")
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
