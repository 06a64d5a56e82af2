"""Weights of another project in; a weights or backbone file of ours out, with a report of what went where."""

from __future__ import annotations

from pathlib import Path

from fercli.weights.foreign.file import ConvertReport, convert_file


def convert(
    source: Path,
    out: Path,
    *,
    kind: str = "auto",
    labels: str | None = None,
    faces: Path | None = None,
    overwrite: bool = False,
) -> ConvertReport:
    """Read a foreign checkpoint and write it as safetensors; arguments and errors are those of `convert_file`."""
    return convert_file(source, out, kind=kind, labels=labels, faces=faces, overwrite=overwrite)
