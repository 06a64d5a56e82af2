"""Names of the people of videos, given by the user; tracks with the same name are one person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from fercli.errors import DataError
from fercli.formatting import pluralize
from fercli.results import Prediction
from fercli.system.names import matches_source
from fercli.system.text_table import read_table

COLUMNS = ("source", "track", "name")
SETTING = "names of people"
_EXAMPLE = "a csv file with the columns source,track,name"
_DIGITS = 9  # of the number of a track


@dataclass(frozen=True)
class NameRow:
    """A name for a track. source: name or pattern of the video, None for any. line: of the file."""

    source: str | None
    track: int
    name: str
    line: int | None = None

    def matches(self, source: str) -> bool:
        """Whether the row is about a video."""
        return matches_source(source, self.source)


class Names:
    """Names by source and track; remembers what does not fit the tracks that it named."""

    def __init__(self, rows: Iterable[NameRow]) -> None:
        self._rows = tuple(rows)
        self._used: set[NameRow] = set()
        self._together: dict[tuple[str, str], tuple[set[int], set[int]]] = {}  # source, name -> tracks, frames

    @property
    def names(self) -> list[str]:
        """All names."""
        return [row.name for row in self._rows]

    def name_of(self, source: str, track: int | None) -> str | None:
        """Return the name of a track, by the first row that matches; None without one."""
        row = next((row for row in self._rows if row.track == track and row.matches(source)), None)
        if row is not None:
            self._used.add(row)
        return None if row is None else row.name

    def of_frame(self, predictions: Sequence[Prediction]) -> tuple[Prediction, ...]:
        """Return the predictions of one frame with the names of their tracks."""
        named = []
        tracks: dict[str, int] = {}
        for prediction in predictions:
            track = prediction.track
            name = None if track is None else self.name_of(prediction.source, track)
            if name is None or track is None:
                named.append(prediction)
                continue
            if name in tracks:
                both, frames = self._together.setdefault((prediction.source, name), (set(), set()))
                both.update((tracks[name], track))
                frames.add(prediction.frame or 0)
            tracks[name] = track
            named.append(replace(prediction, person=name))
        return tuple(named)

    def of_rows(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """Yield rows of a table with the names of their tracks."""
        for _, frame in groupby(predictions, key=lambda row: (row.source, row.frame)):
            yield from self.of_frame(list(frame))

    def warnings(self, not_read: Collection[str] = ()) -> list[str]:
        """Return what the user should correct: tracks of one name that are in view together, and rows about no track.

        not_read: sources that were left out, whose rows are not used.
        """
        found = []
        for (source, name), (tracks, frames) in self._together.items():
            shown = " and ".join(map(str, sorted(tracks)))
            found.append(
                f"{source}: tracks {shown} are both named {name}, but in view together in {pluralize(len(frames), 'frame')}, "
                "where only the larger face counts: give them different names"
            )
        for row in self._rows:
            if row not in self._used and not any(row.matches(source) for source in not_read):
                line = "" if row.line is None else f" (line {row.line})"
                found.append(f"the name {row.name}{line} is not used: {self._why_unused(row)}")
        return found

    def _why_unused(self, row: NameRow) -> str:
        """Return why a row is about no track: an earlier one names it, or there is none."""
        same = (other for other in self._used if (other.source, other.track) == (row.source, row.track))
        if (earlier := next(same, None)) is not None:
            return f"track {row.track} is called {earlier.name} by an earlier row"
        return f"{'no video has a' if row.source is None else f'{row.source} has no'} track {row.track}"


def read_names(path: Path) -> Names:
    """Read a table with the columns track and name, and optionally source, as people and spreadsheets save it.

    Raises: DataError with the line for a missing column, a track that is not a number and an empty name.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file", fix=_EXAMPLE)
    table = read_table(path)
    columns = {name.strip().lower(): name for name in table.header}
    if not {"track", "name"} <= set(columns):
        raise DataError(f"{path} lacks the column track or name", fix="a header source,track,name")
    rows = []
    for line, cells in table.rows:
        source, track, name = (cells[columns[column]].strip() if column in columns else "" for column in COLUMNS)
        track = track.removesuffix(".0")  # as pandas writes it
        if not track.isdecimal() or len(track) > _DIGITS or not name:
            raise DataError(f"{path}, line {line}: needs the number of a track and a name", fix="interview.mp4,1,Anna")
        rows.append(NameRow(source or None, int(track), name, line))
    return Names(rows)
