"""Select the images of a data set that a published list names, by file name, never by number.

Supported are the lists of RAN (Wang et al. 2020), one image a line: `1_fer0034656.png 8 0` and `0/fer0032226.jpg`
(FERPlus), `test_0003_aligned 3 4` and `0/test_0004_aligned.jpg` (RAF-DB), `val/0/HASH/` and `0/HASH.jpg` (AffectNet);
and any list of file names or paths. Folders, suffixes and what follows a space do not matter, nor does `_aligned` at the end
of a name, which RAF-DB adds to the name of a crop.
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
_CODED = {"ferplus", "rafdb", "affectnet7", "affectnet8"}  # schemas in whose order the lists number classes, from 0
_FACE_NUMBER = re.compile(r"\d{1,2}")  # the file of an AffectNet face is in a folder with the image's name


@dataclass(frozen=True)
class Subset:
    """The images of a list. listed: number of distinct names in it. indices: of the samples that it names.

    repeated: names that are listed more than once; they count once. with_code: number of these samples with a class code
    in the list; matching: number of those whose label is that class in the official order.
    """

    name: str
    listed: int
    indices: tuple[int, ...]
    repeated: tuple[str, ...]
    with_code: int
    matching: int


def read_subset(path: Path, dataset: Dataset, samples: Sequence[Sample]) -> Subset:
    """Find the images of a list among samples of a data set.

    Raises: DataError if it cannot be read, names none of them, or its class codes contradict most of their labels, which
    means that the files are numbered differently.
    """
    entries = _read(path)
    codes = dict(entries)
    names = [Path(sample.called(dataset.root)).stem for sample in samples]
    index_of = {_photo(name): index for index, name in enumerate(names)}
    index_of |= {name: index for index, name in enumerate(names)}
    matched = ((index_of.get(name, index_of.get(_photo(name))), code) for name, code in codes.items())
    code_of = {index: code for index, code in matched if index is not None}
    indices = tuple(sorted(code_of))
    if not indices:
        raise DataError(
            f"{path}: none of its {len(codes)} images is among the {len(samples)} of {dataset.name}",
            fix=f"give a list for {dataset.name} and this --split; file names are compared without their suffix",
        )
    coded = [
        (code, samples[index].label) for index, code in code_of.items() if dataset.schema in _CODED and code is not None
    ]
    matching = sum(code == label for code, label in coded)
    if coded and 2 * matching < len(coded):
        raise DataError(
            f"{path}: its classes match the labels of only {matching} of the {len(coded)} images with the same names",
            fix="the file names must be the official ones; fer data prepare --ferplus writes them",
        )
    repeated = tuple(name for name, count in Counter(name for name, _ in entries).items() if count > 1)
    return Subset(path.stem, len(codes), indices, repeated, len(coded), matching)


def _photo(name: str) -> str:
    return name.removesuffix("_aligned")


def _read(path: Path) -> list[tuple[str, int | None]]:
    """The name in every line, without its suffix, and the class code, if there is one."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error})", fix="give a text file with one image per line") from error
    entries = [parse_line(line) for line in lines if line.strip()]
    if not entries:
        raise DataError(f"{path} names no image", fix="give a text file with one image per line")
    return entries


def parse_line(line: str) -> tuple[str, int | None]:
    """Parse one line: the image's name without folders and suffix, and the class code, None if there is none."""
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
