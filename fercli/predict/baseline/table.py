"""What --baseline requests: one span for everybody, `auto`, or a table of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fercli.errors import DataError, UsageError
from fercli.formatting import clock
from fercli.media.sources import Source
from fercli.predict.baseline.spans import OPTION, Request, parse_request
from fercli.results import Who
from fercli.system.names import matches_source
from fercli.system.text_table import read_table

COLUMNS = ("source", "person", "span", "neutral")
_COLUMNS_FIX = "source,person,span for videos, person,neutral for pictures"
_SHOWN = 8


@dataclass(frozen=True)
class BaselineRow:
    """One person. source: name or pattern of their files, None for any. person: track or name, None for everyone.

    request: when they rest in a video. neutral: the picture in which they rest; None in a row about videos. where: file and
    line, for errors.
    """

    source: str | None
    person: str | None
    request: Request
    neutral: Path | None
    where: str = OPTION

    def matches(self, name: str) -> bool:
        """Whether a source belongs to this row."""
        return matches_source(name, self.source)

    def shows(self, name: str) -> bool:
        """Whether a picture is one of this person: by the source, else by the person's name.

        The name is that of a folder, the stem of the file, or what the stem begins with before a punctuation mark: anna_2.jpg.
        """
        if self.source is not None or self.person is None:
            return self.matches(name)
        path, person = Path(name), self.person
        begins = path.stem.startswith(person) and not path.stem[len(person) : len(person) + 1].isalnum()
        return begins or person in path.parts[:-1]


class Baselines:
    """The requests of a run. text: as settings record it."""

    def __init__(self, text: str, rows: Iterable[BaselineRow]) -> None:
        self.text, self._rows = text, tuple(rows)

    def requests(self, source: str, tracks: Mapping[Who, int | None]) -> dict[Who, Request]:
        """Return when each person of a video rests; later rows win. tracks: person -> track."""
        found: dict[Who, Request] = {}
        for row in self._rows:
            if row.neutral is not None or not row.matches(source):
                continue
            for who, track in tracks.items():
                if row.person in (None, str(who), str(track)):
                    found[who] = row.request
        return found

    def row_of_picture(self, source: str) -> BaselineRow | None:
        """Return the first row about the person of a picture; None if there is none."""
        return next((row for row in self._rows if row.neutral is not None and row.shows(source)), None)

    @property
    def people(self) -> list[str]:
        """The people that rows about pictures name."""
        return [row.person for row in self._rows if row.person is not None and row.neutral is not None]

    @property
    def neutral_pictures(self) -> list[Path]:
        """The pictures in which people rest, each once."""
        return list(dict.fromkeys(row.neutral for row in self._rows if row.neutral is not None))

    def check_people(
        self, videos: Mapping[str, Mapping[Who, int | None]], ends_s: Mapping[str, float], pictures: Sequence[str]
    ) -> None:
        """Raise DataError for a row that is about nobody: no such video, picture or person, or a span after the end.

        videos: by source person -> track. ends_s: when each video ends. pictures: the sources of pictures.
        """
        for row in self._rows:
            if row.neutral is not None:
                if not any(row.shows(name) for name in pictures):
                    raise DataError(f"{row.where}: no picture of {row.person or row.source}", fix=_names(pictures))
                continue
            matching = [name for name in videos if row.matches(name)]
            if row.source is not None and not matching:
                raise DataError(f"{row.where}: no video {row.source}", fix=_names(videos))
            people = [(who, track) for name in matching for who, track in videos[name].items()]
            if row.person is not None and all(row.person not in (str(who), str(track)) for who, track in people):
                known = ", ".join(dict.fromkeys(str(who) for who, _ in people if who is not None))
                raise DataError(f"{row.where}: no person {row.person}", fix=f"people and tracks: {known or 'none'}")
            longest = max(matching, key=lambda name: ends_s[name], default=None)
            if row.request is not None and longest is not None and row.request.start_s >= ends_s[longest]:
                raise DataError(
                    f"{row.where}: {row.request} is after the end of {Path(longest).name} ({clock(ends_s[longest])})",
                    fix="a span within the video",
                )

    def check(self, sources: Iterable[Source]) -> None:
        """Raise UsageError for live sources, and for pictures without any row about pictures; DataError for unknown sources."""
        sources = list(sources)
        if any(source.is_live for source in sources):
            raise UsageError("a baseline needs files: a camera or stream cannot be read twice", fix=f"remove {OPTION}")
        pictures = [source for source in sources if source.kind == "image" and not source.fault]
        if len(pictures) == len(sources) and sources and all(row.neutral is None for row in self._rows):
            raise UsageError(
                "pictures have no time: their baseline is a table with the columns person and neutral",
                fix=f"{OPTION} people.csv",
            )
        for row in self._rows:
            if row.source is not None and not any(row.matches(source.name) for source in sources):
                raise DataError(f"{row.where}: no file {row.source}", fix=_names([source.name for source in sources]))


def read_baselines(text: str) -> Baselines:
    """Return what --baseline names: `auto`, a span such as 0:00-0:10, or a csv file.

    Columns of the file: `person` (of a video: track or name; of pictures: a folder or the start of a file name), `span`
    (0:00-0:10 or auto) for videos or `neutral` (path, also relative to the file) for pictures, and optionally `source`
    (name or pattern of the files that the row is about).
    Raises: UsageError, DataError with the line.
    """
    path = Path(text)
    if not path.is_file():
        return Baselines(text, [BaselineRow(None, None, parse_request(text), None)])
    table = read_table(path)
    names = {name.strip().lower(): name for name in table.header}
    if set(names) - set(COLUMNS) or not {"span", "neutral"} & set(names):
        raise DataError(f"{path}: the columns are {', '.join(table.header) or 'missing'}", fix=_COLUMNS_FIX)
    rows = [
        _row({name: cells[column] for name, column in names.items()}, f"{path}, line {line}", path.parent)
        for line, cells in table.rows
    ]
    if not rows:
        raise DataError(f"{path}: no row", fix=_COLUMNS_FIX)
    first: dict[tuple[str | None, str | None, bool], BaselineRow] = {}
    for row in rows:
        same = first.setdefault((row.source, row.person, row.neutral is None), row)
        if same is not row:
            raise DataError(
                f"{row.where}: a second row for {row.person or 'everybody'} of {row.source or 'every file'}",
                fix="one row per person and file",
            )
    return Baselines(f"table {path.name}", rows)


def _row(cells: Mapping[str, str], where: str, folder: Path) -> BaselineRow:
    source, person, span, neutral = ((cells.get(name) or "").strip() for name in COLUMNS)
    if bool(span) == bool(neutral):
        raise DataError(f"{where}: needs either a span or a neutral picture", fix="0:00-0:10, auto, or a file name")
    if span:
        try:
            return BaselineRow(source or None, person or None, parse_request(span), None, where)
        except UsageError as error:
            raise DataError(f"{where}: {span} is not a span", fix="0:00-0:10, or auto") from error
    if not source and not person:
        raise DataError(
            f"{where}: whose neutral picture?", fix="fill in person, or source with a pattern such as anna_*.jpg"
        )
    picture = Path(neutral) if Path(neutral).is_file() else folder / neutral
    if not picture.is_file():
        raise DataError(f"{where}: {neutral}: no such file", fix="check the path of the neutral picture")
    return BaselineRow(source or None, person or None, None, picture, where)


def _names(sources: Iterable[str]) -> str:
    """Return the names of files for an error, at most eight."""
    names = list(dict.fromkeys(Path(source).name for source in sources))
    return f"the files are {', '.join(names[:_SHOWN]) or 'missing'}{', ...' if len(names) > _SHOWN else ''}"
