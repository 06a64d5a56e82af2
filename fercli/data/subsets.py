"""A published list of images in, those of a data set that it names out: by file name, never by number.

Understood are the lists of RAN (Wang et al. 2020), one image a line: `1_fer0034656.png 8 0` and `0/fer0032226.jpg`
(FERPlus), `test_0003_aligned 3 4` and `0/test_0004_aligned.jpg` (RAF-DB), `val/0/HASH/` and `0/HASH.jpg` (AffectNet);
and any list of file names or paths. Folders, suffixes and what follows a space do not matter, nor does `_aligned` at the end
of a name, which RAF-DB's owner gives the crop of a photo.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fercli.data.dataset import Dataset, Sample
from fercli.errors import DataError

_CLASS_BEFORE_NAME = re.compile(r"(\d)_(?=fer\d{7}$)")
_CODED = {"ferplus", "rafdb", "affectnet7", "affectnet8"}  # schemas whose order the lists' class codes follow, from 0
_FACE_NUMBER = re.compile(r"\d{1,2}")  # the file of an AffectNet face lies in a folder that bears the image's name


@dataclass(frozen=True)
class Subset:
    """What a list names. listed: distinct names in it. chosen: places in the samples it was matched with.

    repeated: names that stand in it more than once, which count once.
    coded: how many of the chosen images the list gives a class code for; agreeing: for how many of these it is their
    class in the owner's order.
    """

    name: str
    listed: int
    chosen: tuple[int, ...]
    repeated: tuple[str, ...]
    coded: int
    agreeing: int


def read_subset(path: Path, dataset: Dataset, samples: Sequence[Sample]) -> Subset:
    """Find the images of a list among samples of a data set.

    Raises: DataError if it cannot be read, names none of them, or its class codes contradict most of their labels, as
    where files are numbered otherwise.
    """
    entries = _read(path)
    codes = dict(entries)
    names = [Path(sample.called(dataset.root)).stem for sample in samples]
    places = {_photo(name): place for place, name in enumerate(names)} | {n: place for place, n in enumerate(names)}
    matched = ((places.get(name, places.get(_photo(name))), code) for name, code in codes.items())
    found = {place: code for place, code in matched if place is not None}
    chosen = tuple(sorted(found))
    if not chosen:
        raise DataError(
            f"{path}: none of its {len(codes)} images is among the {len(samples)} of {dataset.name}",
            fix=f"a list for {dataset.name} and this --split; file names are compared without their suffix",
        )
    stated = [
        (code, samples[place].label) for place, code in found.items() if dataset.schema in _CODED and code is not None
    ]
    agreeing = sum(code == label for code, label in stated)
    if stated and 2 * agreeing < len(stated):
        raise DataError(
            f"{path}: the classes it states fit only {agreeing} of the {len(stated)} images with the same names",
            fix="file names must be the owner's; fer data prepare writes them so with --ferplus",
        )
    repeated = tuple(name for name, count in Counter(name for name, _ in entries).items() if count > 1)
    return Subset(path.stem, len(codes), chosen, repeated, len(stated), agreeing)


def _photo(name: str) -> str:
    return name.removesuffix("_aligned")


def _read(path: Path) -> list[tuple[str, int | None]]:
    """Names without suffix, with the class code that the line states, if any; line by line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error})", fix="a text file with one image a line") from error
    entries = [_parse(line) for line in lines if line.strip()]
    if not entries:
        raise DataError(f"{path} names no image", fix="a text file with one image a line")
    return entries


def _parse(line: str) -> tuple[str, int | None]:
    first, *rest = line.split()
    pieces = [piece for piece in first.replace("\\", "/").split("/") if piece]
    name = Path(pieces[-1]).stem if pieces else first
    if _FACE_NUMBER.fullmatch(name) and len(pieces) > 1:
        name = pieces[-2]
    folder_code = next((int(piece) for piece in pieces[:-1] if len(piece) == 1 and piece.isdigit()), None)
    prefixed = _CLASS_BEFORE_NAME.match(name)
    if prefixed:
        return name[prefixed.end() :], int(prefixed[1])
    if folder_code is None and len(rest) == 2 and rest[0].isdigit():  # RAF-DB's occlusion list: name, class, kind
        return name, int(rest[0])
    return name, folder_code
