"""Where `fer align` reads pictures and writes crops, with the official folders of RAF-DB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fercli.data.rafdb import ALIGNED, ALIGNED_BY_FER, LABEL_LIST, ORIGINAL, basic_folder, official_landmarks
from fercli.errors import DataError, UsageError
from fercli.results import Point

_SUFFIX = "_aligned"  # of the official crops: train_00001.jpg is aligned as train_00001_aligned.jpg


@dataclass(frozen=True)
class AlignPaths:
    """Pictures are read below `source`, crops written below `target`, with `stem_suffix` at the end of their stems.

    label_list: RAF-DB's list of labels and the path of its copy, None if it is not copied.
    basic: RAF-DB's folder with that list, None for any other source.
    """

    source: Path
    target: Path
    stem_suffix: str = ""
    label_list: tuple[Path, Path] | None = None
    basic: Path | None = None

    def labelled_face(self, picture: Path) -> Point | None:
        """Return the centre of the face that the label belongs to: the mean of the annotators' five landmarks of RAF-DB, if any."""
        if self.basic is None:
            return None
        try:
            points = official_landmarks(self.basic, picture.stem)
        except (OSError, ValueError):  # not unpacked, or not five points
            return None
        return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def align_paths(source: Path, target: Path | None) -> AlignPaths:
    """Choose the folders to read and write.

    RAF-DB in its official layout is aligned from Image/original: without a target into Image/aligned-by-fer, which is then
    read as the data set, otherwise into a folder of the official layout. Any other folder needs a target.
    """
    basic = basic_folder(source)
    if basic is None:
        if target is None:
            raise UsageError(f"no output folder given for {source}", fix=f"fer align {source} OUTPUT_FOLDER")
        return AlignPaths(source, target)
    photos = basic / ORIGINAL
    if not photos.is_dir():
        raise DataError(
            f"{basic} has no {ORIGINAL.as_posix()}: the official crops cannot be aligned again",
            fix=f"unpack the official original.zip there; or train on the official crops: fer train rafdb --data {source}",
        )
    if target is None:
        return AlignPaths(photos, basic / ALIGNED_BY_FER, _SUFFIX, basic=basic)
    return AlignPaths(photos, target / ALIGNED, _SUFFIX, (basic / LABEL_LIST, target / LABEL_LIST), basic)
