"""Open a data set by its name or by the path of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fercli.data.dataset import Dataset, listing_fingerprint
from fercli.data.folder import FOLDER_LAYOUT, given_folder, open_folder
from fercli.data.list_errors import first_few
from fercli.data.prepared import is_prepared, open_prepared
from fercli.data.reader import Reader
from fercli.data.readers import all_readers
from fercli.errors import DataError, UsageError


def open_dataset(
    name_or_path: str,
    data: Path | None = None,
    *,
    option: str = "--data",
    allow_missing: bool = False,
    readers: Mapping[str, Reader] | None = None,
) -> Dataset:
    """Open a data set by name (from `data`, or ./data/NAME) or by the path of a folder.

    Supported are prepared sets (dataset.csv and dataset.json), the official layouts of every data set in `readers`, and
    train|val|valid|test/CLASS/*. A data set without a validation split has an empty one.
    option: how the caller's user gives the folder, for messages.
    allow_missing: leave out images that are listed and do not exist, and name them in `Dataset.missing`.
    Raises: DataError where the folder or images are missing or the layout is unknown, UsageError where name and path
    contradict each other.
    """
    readers = all_readers() if readers is None else readers
    if name_or_path in readers:
        root = data if data is not None else Path("data") / name_or_path
        dataset = _open_named(readers[name_or_path], root, option)
    elif data is not None:
        raise UsageError(
            f"{option} needs the name of a data set, and {name_or_path!r} is none",
            fix=f"known names: {', '.join(readers)}; or give the folder alone",
        )
    else:
        dataset = _open_path(Path(name_or_path), readers, option)
    if dataset.missing and not allow_missing:
        layout = readers[dataset.schema].layout if dataset.schema in readers else FOLDER_LAYOUT
        raise DataError(f"{dataset.root}: {first_few(dataset.missing)}", fix=f"expected layout: {layout}")
    return dataset if dataset.fingerprint else replace(dataset, fingerprint=listing_fingerprint(dataset))


def _open_named(reader: Reader, root: Path, option: str) -> Dataset:
    name = reader.labels.name
    if not root.is_dir() and not (root.is_file() and reader.matches(root)):
        raise DataError(
            f"no data set {name} at {root} ({reader.published.access}; {reader.layout})",
            fix=f"{given_folder(option, name, 'DIR')}, the folder of {name}",
        )
    if not is_prepared(root):
        return reader.read(root, reader.labels)
    dataset = open_prepared(root)
    if dataset.schema != name:
        raise DataError(f"{root} has the labels of {dataset.schema}, not {name}", fix=f"give the folder alone: {root}")
    return dataset


def _open_path(root: Path, readers: Mapping[str, Reader], option: str) -> Dataset:
    if not root.is_dir():
        raise DataError(
            f"{root} is neither a folder nor the name of a data set",
            fix=f"known names: {', '.join(readers)}; a folder must contain {FOLDER_LAYOUT}",
        )
    if is_prepared(root):
        return open_prepared(root)
    matching = {name: reader for name, reader in readers.items() if reader.matches(root)}
    if len(matching) > 1:
        raise DataError(
            f"{root} has a layout that several data sets share: {', '.join(matching)}",
            fix=f"give the name: {'|'.join(matching)}, with {given_folder(option, 'NAME', root)}",
        )
    for reader in matching.values():
        return reader.read(root, reader.labels)
    return open_folder(root, option=option)


def open_second(text: str, option: str) -> Dataset:
    """Open a data set that an option other than DATA names: a name, a folder, or NAME=FOLDER."""
    name, equals, folder = text.partition("=")
    if equals and name in all_readers():
        return open_dataset(name, Path(folder), option=option)
    return open_dataset(text, option=option)
