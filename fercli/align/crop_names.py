"""Paths of the crops: the pictures' own names, numbered where two would be the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fercli.media.images import writable_name
from fercli.system.files import free_name
from fercli.system.names import clash_key, portable_path


class CropNames:
    """Paths of the crops of one run, relative to its target.

    pictures: all pictures to align, relative to the source, in order. taken: paths of crops that an earlier run wrote and
    that are kept. stem_suffix: the end of every stem. Equal arguments give equal paths, whichever pictures are asked for
    first: a resumed run writes the same files.
    """

    def __init__(self, pictures: Iterable[str], *, taken: Iterable[str] = (), stem_suffix: str = "") -> None:
        self._taken = {clash_key(Path(path)) for path in taken}
        self._first: dict[str, Path] = {}
        for picture in pictures:
            path = writable_name(portable_path(Path(picture)))
            self._first[picture] = free_name(path.with_stem(path.stem + stem_suffix), self._taken)
            self._taken.add(clash_key(self._first[picture]))

    def first(self, picture: str) -> str:
        """Return the path of a picture's first or only crop."""
        return self._first[picture].as_posix()

    def further(self, picture: str, face: int) -> str:
        """Return the path of the crop of its face with this index. It is not recorded: no other picture can have this path."""
        first = self._first[picture]
        return free_name(first.with_stem(f"{first.stem}-face{face}"), self._taken).as_posix()
