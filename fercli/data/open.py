"""Data sets on disk: a name or a folder in, samples with splits and named classes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fercli.config.labels import SCHEMAS, schema
from fercli.data.affectnet import is_affectnet, open_affectnet
from fercli.data.caers import open_caers
from fercli.data.expw import is_expw, open_expw
from fercli.data.fer2013_in_place import fer2013_csv, open_fer2013
from fercli.data.ferplus_folders import is_ferplus_folders, open_ferplus_folders
from fercli.data.folder import LAYOUT, open_folder
from fercli.data.prepared import is_prepared, open_prepared
from fercli.data.published import PUBLISHED
from fercli.data.rafdb import is_rafdb, open_rafdb
from fercli.data.records import SPLITS, Dataset, Sample, Split, listing_fingerprint
from fercli.errors import DataError, UsageError

__all__ = ["SPLITS", "Dataset", "Sample", "Split", "open_dataset"]


def open_dataset(name_or_path: str, data: Path | None = None, *, missing: list[str] | None = None) -> Dataset:
    """Open a data set by name (from `data`, or ./data/NAME) or by the path of a folder.

    Understood: prepared sets (dataset.csv and dataset.json), the owners' layouts of every data set known by name, and
    train|val|valid|test/CLASS/*. A data set without a validation split has an empty one. missing: gathers what the lists of
    RAF-DB, AffectNet and ExpW name and is not there, in place of a DataError; such images are left out.
    Errors: DataError where the folder is missing or not understood, UsageError where name and path contradict.
    """
    if name_or_path in SCHEMAS:
        dataset = _open_named(name_or_path, data if data is not None else Path("data") / name_or_path, missing)
    elif data is not None:
        raise UsageError(
            f"--data goes with a data set's name, and {name_or_path!r} is none",
            fix=f"known: {', '.join(SCHEMAS)}; or give the folder alone",
        )
    else:
        dataset = _open_path(Path(name_or_path), missing)
    return dataset if dataset.fingerprint else replace(dataset, fingerprint=listing_fingerprint(dataset))


def _open_path(root: Path, missing: list[str] | None) -> Dataset:
    if not root.is_dir():
        raise DataError(
            f"{root} is neither a folder nor the name of a data set",
            fix=f"known names: {', '.join(SCHEMAS)}; a folder must hold {LAYOUT}",
        )
    if is_prepared(root):
        return open_prepared(root)
    if is_rafdb(root):
        return open_rafdb(root, missing)
    if is_expw(root):
        return open_expw(root, missing)
    if is_ferplus_folders(root):
        return open_ferplus_folders(root)
    for there, names in ((is_affectnet(root), "affectnet7|affectnet8"), (fer2013_csv(root), "fer2013|ferplus")):
        if there:
            raise DataError(
                f"{root} is a data set of its owner's layout, whose classes can be read in more than one way",
                fix=f"name it: {names}, with --data {root}",
            )
    return open_folder(root)


def _open_named(name: str, root: Path, missing: list[str] | None) -> Dataset:
    csv_itself = root.is_file() and name in ("fer2013", "ferplus")
    if not root.is_dir() and not csv_itself:
        known = PUBLISHED[name]
        raise DataError(
            f"no data set {name} at {root} ({known.get}; {known.layout})", fix=f"--data DIR, where {name} lies"
        )
    if is_prepared(root):
        dataset = open_prepared(root)
        if dataset.schema != name:
            raise DataError(f"{root} is labelled as {dataset.schema}, not {name}", fix=f"give the folder alone: {root}")
        return dataset
    match name:
        case "rafdb":
            return open_rafdb(root, missing)
        case "affectnet7" | "affectnet8":
            return open_affectnet(root, name, missing)
        case "fer2013" | "ferplus" if fer2013_csv(root) is not None:
            return open_fer2013(root, name)
        case "ferplus" if is_ferplus_folders(root):
            return open_ferplus_folders(root)
        case "expw" if is_expw(root):
            return open_expw(root, missing)
        case "caer-s":
            return open_caers(root)
        case _:
            return open_folder(root, labels=schema(name))
