"""Data sets on disk: a name or a folder in, samples with splits and named classes out."""

from __future__ import annotations

from pathlib import Path

from fercli.errors import DataError, UsageError
from fercli.labels import SCHEMAS, schema
from fercli.store.datasets import rafdb
from fercli.store.datasets.folder import LAYOUT, open_folder
from fercli.store.datasets.prepared import is_prepared, open_prepared
from fercli.store.datasets.records import SPLITS, Dataset, Sample, Split

__all__ = ["SPLITS", "Dataset", "Sample", "Split", "open_dataset"]

# Where each data set is to be had, and how its folder must look.
_SOURCES: dict[str, tuple[str, str]] = {
    "rafdb": ("apply at http://www.whdeld.cn/RAF/model1.html", rafdb.LAYOUT),
    "affectnet7": ("apply at http://mohammadmahoor.com/affectnet/", "train/0..6/*.jpg and val/0..6/*.jpg"),
    "affectnet8": ("apply at http://mohammadmahoor.com/affectnet/", "train/0..7/*.jpg and val/0..7/*.jpg"),
    "fer2013": ("the csv is Kaggle's ICML-2013 challenge", "made by: fer data prepare fer2013 FER2013.csv"),
    "ferplus": (
        "votes: https://github.com/microsoft/FERPlus",
        "made by: fer data prepare fer2013 FER2013.csv --ferplus fer2013new.csv",
    ),
    "expw": ("see https://mmlab.ie.cuhk.edu.hk/projects/socialrelation/", f"face crops as {LAYOUT}"),
    "caer-s": ("apply at https://caer-dataset.github.io/", "train/Anger/*.png ... and test/Anger/*.png ..."),
}


def open_dataset(name_or_path: str, data: Path | None = None) -> Dataset:
    """Open a data set by name (from `data`, or ./data/NAME) or by the path of a folder.

    Understood: prepared sets (dataset.csv and dataset.json), RAF-DB as its owner ships it, and
    train|val|valid|test/CLASS/*. A data set without a validation split has an empty one.
    Errors: DataError where the folder is missing or not understood, UsageError where name and path contradict.
    """
    if name_or_path in SCHEMAS:
        root = data if data is not None else Path("data") / name_or_path
        return _open_named(name_or_path, root)
    if data is not None:
        raise UsageError(
            f"--data goes with a data set's name, and {name_or_path!r} is none",
            fix=f"known: {', '.join(SCHEMAS)}; or give the folder alone",
        )
    root = Path(name_or_path)
    if not root.is_dir():
        raise DataError(
            f"{name_or_path} is neither a folder nor the name of a data set",
            fix=f"known names: {', '.join(SCHEMAS)}; a folder must hold {LAYOUT}",
        )
    if is_prepared(root):
        return open_prepared(root)
    return rafdb.open_rafdb(root) if rafdb.is_rafdb(root) else open_folder(root)


def _open_named(name: str, root: Path) -> Dataset:
    source, layout = _SOURCES[name]
    if not root.is_dir():
        raise DataError(f"no data set {name} at {root} ({source}; {layout})", fix=f"--data DIR, where {name} lies")
    if is_prepared(root):
        dataset = open_prepared(root)
        if dataset.schema != name:
            raise DataError(f"{root} is labelled as {dataset.schema}, not {name}", fix=f"give the folder alone: {root}")
        return dataset
    return rafdb.open_rafdb(root) if name == "rafdb" else open_folder(root, labels=schema(name))
