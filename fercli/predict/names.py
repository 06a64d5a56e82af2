"""Names of the people of videos, given by the user; tracks with the same name are one person."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from fercli.errors import DataError
from fercli.predict.image_result import ImageResult
from fercli.results import Prediction
from fercli.system.csv_file import reading_csv

COLUMNS = ("source", "track", "name")
_EXAMPLE = "a csv file with the columns source,track,name"
_DIGITS = 9  # of the number of a track


class Names:
    """Names by source and track. rows: (name or pattern of the source, None for any; track; name)."""

    def __init__(self, rows: Iterable[tuple[str | None, int, str]]) -> None:
        self._rows = tuple(rows)

    @property
    def names(self) -> list[str]:
        """All names."""
        return [name for _, _, name in self._rows]

    def name_of(self, source: str, track: int | None) -> str | None:
        """Return the name of a track, by the first row that fits; None without one."""
        return next((name for where, number, name in self._rows if number == track and _fits(where, source)), None)

    def named(self, prediction: Prediction) -> Prediction:
        """Return the prediction with the name of its track, if it has one."""
        name = self.name_of(prediction.source, prediction.track) if prediction.track is not None else None
        return prediction if name is None else replace(prediction, person=name)


def read_names(path: Path) -> Names:
    """Read a csv file with the columns track and name, and optionally source.

    Raises: DataError with the line for a missing column, a track that is no number and an empty name.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file", fix=_EXAMPLE)
    with reading_csv(path, fix=_EXAMPLE), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"track", "name"} <= set(reader.fieldnames or ()):
            raise DataError(f"{path} lacks the column track or name", fix="a header source,track,name")
        rows = []
        for cells in reader:
            source, track, name = ((cells.get(column) or "").strip() for column in COLUMNS)
            if not track.isdecimal() or len(track) > _DIGITS or not name:
                raise DataError(
                    f"{path}, line {reader.line_num}: needs the number of a track and a name",
                    fix="interview.mp4,1,Anna",
                )
            rows.append((source or None, int(track), name))
    return Names(rows)


def with_names(results: Iterable[ImageResult], names: Names) -> Iterator[ImageResult]:
    """Yield the results with the names of their people."""
    for result in results:
        yield replace(result, predictions=tuple(names.named(prediction) for prediction in result.predictions))


def _fits(where: str | None, source: str) -> bool:
    return where is None or where == source or Path(source).match(where)
