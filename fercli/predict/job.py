"""Resume `fer predict --out`: record which sources are finished.

`.job.jsonl`: a line with the settings, then one per finished source: the file, the bytes of its rows, its copy.
`.predictions.CODE.part.csv`: the rows so far; it is renamed to `predictions.csv` at the end of the job.
A source is finished when its rows, its annotated copy and its report are written; an unfinished source is read again.
"""

from __future__ import annotations

import csv
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fercli import __version__
from fercli.errors import DataError, RefusedError
from fercli.formatting import pluralize
from fercli.media.frames import VIDEO_SUFFIXES
from fercli.media.sources import Source
from fercli.results import Prediction
from fercli.rows.csv_table import CsvTable
from fercli.rows.records import columns, prediction_from_row
from fercli.rows.table import open_text
from fercli.system.csv_file import BOM, plain_text
from fercli.system.digest import file_state
from fercli.system.files import replacing, sync, write_errors_name
from fercli.system.inside import inside
from fercli.system.json_text import parse_json
from fercli.system.locks import hold_lock

CSV_NAME = "predictions.csv"
_JOB, _LOCK = ".job.jsonl", ".job.lock"
_LEFT_OVER = re.compile(r"\..+\.[0-9a-f]{8}\.part(\..*)?", re.DOTALL)


@dataclass(frozen=True)
class Finished:
    """A finished source. key, size, modified_ns: identify the file. rows: start and end byte offset of its rows in the CSV.

    copy: path of its annotated copy, relative to the folder. fault: what could not be decoded, None if everything was.
    """

    key: str
    size: int
    modified_ns: int
    rows: tuple[int, int]
    copy: str | None = None
    fault: str | None = None


class Job:
    """The rows of a folder of results and its finished sources; after an error in the `with` block, these are kept.

    sources: the sources of this run; files that changed since an earlier run are read again.
    settings: what shapes the predictions; a job can only be resumed with the same settings.
    resume: continue an earlier job. overwrite: start again. bom: begin predictions.csv with a byte order mark.
    Raises: RefusedError if the folder holds an earlier job and neither is set, if its settings differ, or if another run
    is writing into the folder.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        labels: Sequence[str],
        settings: Mapping[str, object],
        *,
        resume: bool = False,
        overwrite: bool = False,
        bom: bool = False,
    ) -> None:
        self._bom = BOM if bom else ""
        self.folder, self._sources, self._labels = folder, tuple(sources), tuple(labels)
        self._settings = {name: str(value) for name, value in settings.items()} | {"program": f"fer {__version__}"}
        self.finished: dict[str, Finished] = {}
        self._rows = folder / f".predictions.{secrets.token_hex(4)}.part.csv"
        self._start = 0  # first byte of the rows of the current source
        self._written: dict[str, tuple[int, int]] = {}  # first and last byte of the rows of every source
        before, rows = self._read_earlier_job()
        self._read_at = _state(folder)
        interrupted = rows.name != CSV_NAME
        if interrupted and not self.finished:
            before = None  # there is nothing to continue
        if before is not None and not resume and not overwrite:
            finished = f"an interrupted job with {pluralize(len(self.finished), 'finished file')}"
            state = finished if interrupted else "the results of a finished job"
            raise RefusedError(f"{folder} holds {state}", fix="--resume continues it, --overwrite starts again")
        if before is None and (folder / CSV_NAME).exists() and not overwrite:
            raise RefusedError(f"{folder / CSV_NAME} already exists", fix="--overwrite, or another output folder")
        self._earlier: Path | None = rows
        if before is None or not resume:
            self.finished, self._earlier = {}, None
        elif before != self._settings:
            pairs = [
                (name, before.get(name, "not set"), self._settings.get(name, "not set"))
                for name in {**before, **self._settings}
            ]
            raise RefusedError(
                f"the job in {folder} has different settings: "
                + "; ".join(f"{name}: {earlier}, now {now}" for name, earlier, now in pairs if earlier != now),
                fix="the same options as before, or --overwrite",
            )

    def __enter__(self) -> Job:
        with ExitStack() as opened:
            opened.enter_context(hold_lock(self.folder / _LOCK, output=self.folder))
            if _state(self.folder) != self._read_at:
                raise RefusedError(f"another run has written {self.folder} meanwhile", fix="repeat the command")
            self._begin()
            self._lock = opened.pop_all()
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        with self._lock, write_errors_name(self.folder / CSV_NAME):
            self._file.close()
            if kind is None:
                self._sort_rows()
                sync(self._rows)
                self._rows.replace(self.folder / CSV_NAME)
                sync(self.folder)
            elif not self.finished:
                for path in (self._rows, self.folder / _JOB):
                    path.unlink(missing_ok=True)

    def is_finished(self, source: Source) -> bool:
        """Return whether an earlier run finished this file, unchanged since."""
        before = self.finished.get(_key(source))
        return before is not None and (before.size, before.modified_ns) == file_state(source.path)

    def rows_of(self, source: Source) -> Iterator[Prediction]:
        """Yield the rows of a finished source."""
        start, end = self.finished[_key(source)].rows
        names = [column.name for column in columns(self._labels)]
        with self._rows.open("rb") as file:
            file.seek(start)
            lines = _lines(file, end - start)
            for row in csv.DictReader(lines, names):
                plain = {name: plain_text(cell) for name, cell in row.items()} if self._bom else row
                yield prediction_from_row(plain, self._labels)

    def fault_of(self, source: Source) -> str | None:
        """Return what could not be decoded of a finished source."""
        return self.finished[_key(source)].fault

    def copies(self) -> dict[str, Path]:
        """Return the annotated copies of finished sources: key of the source -> copy."""
        return {done.key: self.folder / done.copy for done in self.finished.values() if done.copy is not None}

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Append rows of the current source."""
        with write_errors_name(self.folder / CSV_NAME):
            self._table.add(predictions)

    def end(self, source: Source, *, copy: Path | None = None, fault: str | None = None) -> None:
        """Mark the current source as finished: its rows, its copy and its report are written."""
        start = self._end_rows(source)
        if source.address is None:
            relative = copy.relative_to(self.folder).as_posix() if copy else None
            done = Finished(_key(source), *file_state(source.path), (start, self._start), relative, fault)
            self.finished[done.key] = done
            with write_errors_name(self.folder / _JOB), open_text(self.folder / _JOB, "a") as job:
                job.write(json.dumps(asdict(done)) + "\n")
                job.flush()
                os.fsync(job.fileno())

    def skip(self, source: Source) -> None:
        """End the current source, which could not be read: a later run tries it again."""
        self._end_rows(source)

    def _end_rows(self, source: Source) -> int:
        """Write the rows of the current source to the disk; returns their first byte."""
        with write_errors_name(self.folder / CSV_NAME):
            self._file.flush()
            os.fsync(self._file.fileno())
        start, self._start = self._start, os.fstat(self._file.fileno()).st_size
        self._written[_key(source)] = (start, self._start)
        return start

    def _sort_rows(self) -> None:
        """Put the rows of all sources into the order of the inputs, as if nothing had been interrupted."""
        order = [key for key in dict.fromkeys(map(_key, self._sources)) if key in self._written]
        order += [key for key in self._written if key not in order]
        if order == sorted(self._written, key=lambda key: self._written[key]):
            return
        ranges = {}
        with self._rows.open("rb") as rows, replacing(self._rows) as temporary, temporary.open("wb") as file:
            file.write(rows.readline())
            for key in order:
                start, end = self._written[key]
                rows.seek(start)
                begun = file.tell()
                file.write(rows.read(end - start))
                ranges[key] = (begun, file.tell())
        self.finished = {key: replace(self.finished[key], rows=ranges[key]) for key in order if key in self.finished}
        self._write_job()

    @property
    def removed(self) -> list[Source]:
        """Sources of earlier runs, whose rows are kept, that this run was not given."""
        given = set(map(_key, self._sources))
        return [
            Source(Path(key), "video" if Path(key).suffix.lower() in VIDEO_SUFFIXES else "image", Path(Path(key).name))
            for key in self.finished
            if key not in given
        ]

    def _read_earlier_job(self) -> tuple[dict[str, str] | None, Path]:
        """Return settings (None: no job) and rows file of the job in the folder; fills `finished`."""
        path = self.folder / _JOB
        if not path.is_file():
            return None, self._rows
        try:
            with open_text(path, "r") as file:
                head = parse_json(next(file))
                settings = head["settings"]
                rows = inside(self.folder, head["rows"])
                rows = rows if rows.is_file() else self.folder / CSV_NAME
                size = rows.stat().st_size
                for line in file:
                    if not line.endswith("\n"):
                        break  # the run was killed while it wrote this line
                    values = parse_json(line)
                    start, end = values["rows"]
                    if not 0 <= start <= end:
                        raise ValueError(f"rows from byte {start} to {end}")
                    if values.get("copy") is not None:
                        inside(self.folder, values["copy"])  # which is replaced when the source is read again
                    done = Finished(**{**values, "rows": (start, end)})
                    if end <= size:
                        self.finished[done.key] = done
        except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
            raise DataError(f"could not read {path}", fix="--overwrite starts again") from error
        return settings, rows

    def _begin(self) -> None:
        """Write a rows file with the finished, unchanged sources and a job file that names it; remove what is left over."""
        changed = {_key(source) for source in self._sources if not self.is_finished(source)}
        kept = {}
        with self._rows.open("wb") as file:
            head = ",".join(column.name for column in columns(self._labels))
            file.write((self._bom + head + "\n").encode())
            if self._earlier is not None:
                with self._earlier.open("rb") as earlier:
                    for done in self.finished.values():
                        if done.key in changed:
                            continue
                        start = file.tell()
                        earlier.seek(done.rows[0])
                        file.write(earlier.read(done.rows[1] - done.rows[0]))
                        kept[done.key] = Finished(**{**asdict(done), "rows": (start, file.tell())})
        self.finished = kept
        self._written = {key: done.rows for key, done in kept.items()}
        self._write_job()
        for path in self.folder.rglob(".*"):
            if _LEFT_OVER.fullmatch(path.name) and path != self._rows and path.is_file():
                path.unlink()
        self._file = open_text(self._rows, "a")
        self._start = self._rows.stat().st_size
        self._table = CsvTable(self._file, self._labels, header=False, for_spreadsheets=bool(self._bom))

    def _write_job(self) -> None:
        with replacing(self.folder / _JOB) as temporary, open_text(temporary, "w") as job:
            job.write(json.dumps({"rows": self._rows.name, "settings": self._settings}) + "\n")
            job.writelines(json.dumps(asdict(done)) + "\n" for done in self.finished.values())


def _state(folder: Path) -> tuple[tuple[int, int] | None, ...]:
    """Size and time of the job's files: whether they changed."""
    return tuple(file_state(path) if path.is_file() else None for path in (folder / _JOB, folder / CSV_NAME))


def earlier_copies(folder: Path) -> set[Path]:
    """Return the annotated copies that an earlier run wrote into the folder; empty if there was none."""
    try:
        with open_text(folder / _JOB, "r") as file:
            finished = [parse_json(line) for line in file if line.endswith("\n")][1:]
        return {folder / done["copy"] for done in finished if done.get("copy")}
    except (OSError, ValueError, AttributeError, TypeError):
        return set()


def _key(source: Source) -> str:
    return source.key


def _lines(file: Any, count: int) -> Iterator[str]:
    """Yield the lines of the next `count` bytes."""
    while count > 0:
        line = file.readline(count)
        if not line:
            return
        count -= len(line)
        yield line.decode("utf-8", "surrogateescape")
