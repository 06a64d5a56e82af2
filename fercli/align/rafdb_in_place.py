"""RAF-DB's own layout and an output folder in; where its photos are read and its aligned crops are written out."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from fercli.data.rafdb import ALIGNED, ALIGNED_BY_FER, LABEL_LIST, ORIGINAL, basic_folder, owners_landmarks
from fercli.errors import DataError, UsageError
from fercli.results import Point
from fercli.system.files import replacing

_ENDING = "_aligned"  # of the owner's crops: train_00001.jpg is aligned as train_00001_aligned.jpg


@dataclass(frozen=True)
class AlignPlaces:
    """Pictures are read below `source`, crops written below `target`, their names ending in `ending`.

    label_list: the list of labels and where a copy of it goes, None where nothing is to be copied.
    basic: RAF-DB's folder with that list, None for any other source.
    """

    source: Path
    target: Path
    ending: str = ""
    label_list: tuple[Path, Path] | None = None
    basic: Path | None = None

    def marked_face(self, picture: Path) -> Point | None:
        """Where the face that the label is about lies, if RAF-DB's annotators marked it: the middle of their five points."""
        if self.basic is None:
            return None
        try:
            points = owners_landmarks(self.basic, picture.stem)
        except (OSError, ValueError):  # not unpacked, or not five points
            return None
        return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def align_places(source: Path, target: Path | None) -> AlignPlaces:
    """Where `fer align` reads and writes.

    RAF-DB as its owner ships it is aligned from Image/original: in place (`target` None) into Image/aligned-by-fer, which
    is read from then on, otherwise into a folder of the owner's layout. Any other folder needs a target.
    """
    basic = basic_folder(source)
    if basic is None:
        if target is None:
            raise UsageError(f"where should the crops of {source} go?", fix=f"fer align {source} OUTPUT_FOLDER")
        return AlignPlaces(source, target)
    photos = basic / ORIGINAL
    if not photos.is_dir():
        raise DataError(
            f"{basic} has no {ORIGINAL.as_posix()}: the owner's crops alone cannot be aligned anew",
            fix=f"unpack the owner's original.zip there; or train on the owner's crops: fer train rafdb --data {source}",
        )
    if target is None:
        return AlignPlaces(photos, basic / ALIGNED_BY_FER, _ENDING, basic=basic)
    return AlignPlaces(photos, target / ALIGNED, _ENDING, (basic / LABEL_LIST, target / LABEL_LIST), basic)


def carry_list(places: AlignPlaces) -> bool:
    """Copy the list of labels if it is to be; returns whether the crops are a data set through one."""
    if places.label_list is not None:
        source, target = places.label_list
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
    return places.basic is not None
