"""The facts about a data set that are recorded with every training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fercli.data.dataset import SPLITS, Dataset, listing_fingerprint
from fercli.data.manifest import require_manifest_of
from fercli.errors import DataError
from fercli.system.digest import file_sha256


def data_fingerprint(dataset: Dataset) -> str:
    """Return the fingerprint of a data set: its own, else that of its lists."""
    return dataset.fingerprint or listing_fingerprint(dataset)


def data_facts(dataset: Dataset, *, manifest: Path | None = None) -> dict[str, Any]:
    """Return name, folder, classes, fingerprint, and images per split and class of a data set.

    manifest: file of `fer data check`, whose hash is recorded; None uses NAME.manifest.csv in the working directory if it
    lists these images. Raises: DataError if the given manifest does not list them.
    """
    return {
        "name": dataset.name,
        "root": str(dataset.root.resolve()),
        "schema": dataset.schema,
        "labels": list(dataset.labels),
        "crop": dataset.crop,
        "fingerprint": data_fingerprint(dataset),
        "counts": {split: dataset.counts(split) for split in SPLITS},
        "manifest": _manifest(dataset, manifest),
    }


def _manifest(dataset: Dataset, named: Path | None) -> dict[str, str] | None:
    path = named or Path(f"{dataset.name}.manifest.csv")
    try:
        require_manifest_of(dataset, path)
    except DataError:
        if named is None:
            return None
        raise
    return {"file": str(path), "sha256": file_sha256(path)}
