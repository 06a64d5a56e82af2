"""The end of `fer align`: its record, the labels and the contact sheet, and the counts of the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fercli.align.contact_sheet import write_contact_sheet
from fercli.align.label_tables import copy_labels
from fercli.align.paths import AlignPaths
from fercli.data.align_files import write_align_csv, write_align_settings
from fercli.data.align_record import Alignment, AlignRow, AlignSettings
from fercli.errors import DataError


@dataclass(frozen=True)
class AlignResult:
    """The result of a run; counts are numbers of pictures.

    resumed: aligned by an earlier run. crops: files that were written. ignored: files that are not pictures by their names.
    contact_sheet: None of a shard.
    """

    target: Path
    settings: AlignSettings
    with_face: int
    with_several_faces: int
    without_face: int
    unreadable: tuple[AlignRow, ...]
    crops: int
    resumed: int
    ignored: int
    is_dataset: bool
    contact_sheet: Path | None

    @property
    def pictures(self) -> int:
        """Number of pictures, unreadable ones included."""
        return self.with_face + self.without_face + len(self.unreadable)


def finish(
    paths: AlignPaths, alignment: Alignment, *, resumed: int = 0, ignored: int = 0, complete: bool = True
) -> AlignResult:
    """Write the record, the labels and the contact sheet of all rows.

    complete: False if pictures are missing, so that the folder is not taken for a whole data set.
    Raises: DataError if no picture could be read.
    """
    rows, target, counts = alignment.rows, paths.target, alignment.counts
    write_align_csv(target, rows)
    if counts["unreadable"] == sum(counts.values()):
        raise DataError(
            f"none of the {counts['unreadable']} pictures in {paths.source} could be read; "
            f"the first: {rows[0].source}: {rows[0].reason}",
            fix="give a folder with pictures that an image viewer opens",
        )
    is_dataset = copy_labels(paths, alignment)
    sheet = write_contact_sheet(paths.source, target, alignment)
    write_align_settings(target, alignment.settings, counts=counts if complete else None)
    return align_result(paths, alignment, resumed=resumed, ignored=ignored, is_dataset=is_dataset, sheet=sheet)


def align_result(
    paths: AlignPaths,
    alignment: Alignment,
    *,
    resumed: int = 0,
    ignored: int = 0,
    is_dataset: bool = False,
    sheet: Path | None = None,
) -> AlignResult:
    """Count the rows of a run."""
    rows, counts = alignment.rows, alignment.counts
    return AlignResult(
        target=paths.target,
        settings=alignment.settings,
        with_face=counts["ok"],
        with_several_faces=len({row.source for row in rows if (row.faces or 0) > 1}),
        without_face=counts["no_face"],
        unreadable=tuple(row for row in rows if row.status == "unreadable"),
        crops=sum(row.output is not None for row in rows),
        resumed=resumed,
        ignored=ignored,
        is_dataset=is_dataset,
        contact_sheet=sheet,
    )
