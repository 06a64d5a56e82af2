"""Pictures in, where their crops go out: under the pictures' own names, numbered where two would have the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fercli.media.images import writable_name
from fercli.system.files import free_name


class CropNames:
    """Places of the crops of one run, relative to its target.

    pictures: all that are to be aligned, relative to the source, in order. taken: places of crops that stay as an earlier
    run left them. ending: what every name ends in before its suffix. Equal arguments give equal places, whichever
    pictures are asked for first: a run that goes on after an interruption writes where the first one did.
    """

    def __init__(self, pictures: Iterable[str], *, taken: Iterable[str] = (), ending: str = "") -> None:
        self._taken = {Path(place) for place in taken}
        self._first: dict[str, Path] = {}
        for picture in pictures:
            self._first[picture] = place = free_name(_wanted(Path(picture), ending), self._taken)
            self._taken.add(place)

    def first(self, picture: str) -> str:
        """Place of a picture's first or only crop."""
        return self._first[picture].as_posix()

    def further(self, picture: str, number: int) -> str:
        """Place of the crop of its face `number`. It need not be noted: no other picture can want it."""
        first = self._first[picture]
        return free_name(first.with_stem(f"{first.stem}-face{number}"), self._taken).as_posix()


def _wanted(picture: Path, ending: str) -> Path:
    place = writable_name(picture)
    return place.with_stem(place.stem + ending)
