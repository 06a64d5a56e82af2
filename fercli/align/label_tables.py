"""Copy the labels of a data set to its aligned pictures, so that the aligned folder is a data set too."""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path

from fercli.align.paths import AlignPaths
from fercli.data import prepared
from fercli.data.align_record import Alignment
from fercli.system.csv_file import LineFeeds
from fercli.system.files import replacing
from fercli.system.json_file import write_json


def copy_labels(paths: AlignPaths, alignment: Alignment) -> bool:
    """Copy the tables of a prepared data set or RAF-DB's list; returns whether the aligned folder is a data set."""
    if copy_prepared_tables(paths.source, paths.target, alignment):
        return True
    if paths.label_list is not None:
        source, target = paths.label_list
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
    return paths.basic is not None


def copy_prepared_tables(source: Path, target: Path, alignment: Alignment) -> bool:
    """Copy dataset.csv and dataset.json of a prepared data set, with the name of the crop.

    Pictures without a crop get an empty path, as images without a file of a prepared data set have it.
    Returns False if the source is not a prepared data set.
    """
    if not prepared.is_prepared(source):
        return False
    outputs = {row.source: row.output for row in alignment.rows if row.output and not row.face}
    with (source / prepared.PREPARED_CSV).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or ())
        rows = [row | {"path": outputs.get(row["path"], "")} for row in reader]
    with (
        replacing(target / prepared.PREPARED_CSV) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(LineFeeds(file), columns)
        writer.writeheader()
        writer.writerows(rows)
    values = prepared.read_facts(source / prepared.PREPARED_JSON)
    settings = alignment.settings
    fingerprint = f"{values.get('fingerprint', '')} {settings.fingerprint}"
    values |= {"crop": settings.crop, "size": settings.size, "alignment": alignment.record}
    values["fingerprint"] = hashlib.sha256(fingerprint.encode()).hexdigest()
    write_json(target / prepared.PREPARED_JSON, values)
    return True
