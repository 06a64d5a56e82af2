"""Weights of another project and a name in; a file of ours out, which is found by that name wherever weights are asked for."""

from __future__ import annotations

from pathlib import Path

from fercli.errors import UsageError
from fercli.system.cache import pulled_folder
from fercli.weights.files import TORCH_SUFFIX, list_weights
from fercli.weights.foreign.file import About, ConvertReport, convert_file
from fercli.weights.registry import plain_name, read_registry


def import_weights(
    source: Path,
    name: str,
    *,
    kind: str = "auto",
    labels: str | None = None,
    faces: Path | None = None,
    overwrite: bool = False,
) -> ConvertReport:
    """Convert a foreign checkpoint into the folder of pulled weights; arguments and errors as in `convert_file`.

    Raises: UsageError also for what is no plain name, or the name of shipped or public weights.
    """
    if not plain_name(name):
        raise UsageError(f"{name!r} is no plain name", fix="small letters, digits, dots and dashes, such as raf-db-2")
    public = {known for entry in read_registry().values() for known in (entry.name, *entry.outputs)}
    if name in public | {path.stem for path in list_weights()}:
        raise UsageError(f"{name} is the name of other weights", fix=f"another name, such as my-{name}")
    out = pulled_folder() / f"{name}{TORCH_SUFFIX}"
    about = About(name=name)
    return convert_file(source, out, kind=kind, labels=labels, faces=faces, overwrite=overwrite, about=about)
