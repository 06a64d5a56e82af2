"""A folder that `fer predict --out` fills, source by source, so that an interrupted run can go on where it was.

`.job.jsonl`: a line with the settings, then one per finished source: what it was, where its rows and its copy are.
`.predictions.CODE.part.csv`: rows as they come, appended; it becomes `predictions.csv` when the job is done.
A source counts as finished when its rows, its copy and its page are there; anything else is done again.
"""

from __future__ import annotations

import csv
import json
import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from fercli import __version__
from fercli.errors import DataError, RefusedError
from fercli.media.sources import Source
from fercli.predict.predictions import columns, from_row
from fercli.predict.tables import CsvTable, open_text
from fercli.results import Prediction
from fercli.system.digest import file_state
from fercli.system.files import replacing

CSV_NAME = "predictions.csv"
_JOB, _LOCK = ".job.jsonl", ".job.lock"
_LEFT_OVER = re.compile(r"\..+\.[0-9a-f]{8}\.part(\.\w+)?")


@dataclass(frozen=True)
class Finished:
    """A source that is done. key, size, modified_ns: which file it was. rows: bytes of the csv file, from and up to.

    copy: where its annotated copy is, below the folder. fault: what was missing in it, None if nothing was.
    """

    key: str
    size: int
    modified_ns: int
    rows: tuple[int, int]
    copy: str | None = None
    fault: str | None = None


class Job:
    """The rows of a folder of results, and which sources are finished. `with` it; an error leaves what is finished.

    sources: what it is about now; files that have changed since an earlier run are done again.
    settings: what shapes the results; a job goes on with the same ones only.
    resume: go on where an earlier run ended. overwrite: begin again.
    Raises: RefusedError if the folder holds an earlier job and neither is asked for, or other settings made it, or
    another run is at it.
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
    ) -> None:
        self.folder, self._sources, self._labels = folder, tuple(sources), tuple(labels)
        self._settings = {name: str(value) for name, value in settings.items()} | {"program": f"fer {__version__}"}
        self.finished: dict[str, Finished] = {}
        self._rows = folder / f".predictions.{secrets.token_hex(4)}.part.csv"
        self._start = 0  # where the rows of the source at hand begin, in bytes
        before, rows = self._before()
        interrupted = rows.name != CSV_NAME
        if interrupted and not self.finished:
            before = None  # nothing that a run could go on from
        if before is not None and not resume and not overwrite:
            state = f"an interrupted job, files finished: {len(self.finished)}" if interrupted else "finished results"
            raise RefusedError(f"{folder} holds {state}", fix="--resume goes on with it, --overwrite begins again")
        if before is None and (folder / CSV_NAME).exists() and not overwrite:
            raise RefusedError(f"{folder / CSV_NAME} is already there", fix="--overwrite, or another output folder")
        self._earlier: Path | None = rows
        if before is None or not resume:
            self.finished, self._earlier = {}, None
        elif before != self._settings:
            other = [name for name in {**before, **self._settings} if before.get(name) != self._settings.get(name)]
            raise RefusedError(
                f"{folder} was made with other settings: "
                + "; ".join(f"{name}: {before.get(name)}, now {self._settings.get(name)}" for name in other),
                fix="the same options as before, or --overwrite",
            )

    def __enter__(self) -> Job:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.folder / _LOCK)
        try:
            self._begin()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self._file.close()
        if kind is None:
            self._rows.replace(self.folder / CSV_NAME)
        elif not self.finished:
            for path in (self._rows, self.folder / _JOB):
                path.unlink(missing_ok=True)
        (self.folder / _LOCK).unlink(missing_ok=True)
        self._lock.close()

    def is_finished(self, source: Source) -> bool:
        """Whether an earlier run has done this very file."""
        before = self.finished.get(_key(source))
        return before is not None and (before.size, before.modified_ns) == file_state(source.path)

    def rows_of(self, source: Source) -> Iterator[Prediction]:
        """The rows of a finished source."""
        start, end = self.finished[_key(source)].rows
        names = [column.name for column in columns(self._labels)]
        with self._rows.open("rb") as file:
            file.seek(start)
            lines = _lines(file, end - start)
            for row in csv.DictReader(lines, names):
                yield from_row(row, self._labels)

    def fault_of(self, source: Source) -> str | None:
        """What was missing in a finished source."""
        return self.finished[_key(source)].fault

    def copies(self) -> dict[Path, Path]:
        """Where the copies of finished sources are: file -> copy."""
        return {Path(one.key): self.folder / one.copy for one in self.finished.values() if one.copy is not None}

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Append rows of the source at hand."""
        self._table.add(predictions)

    def end(self, source: Source, *, copy: Path | None = None, fault: str | None = None) -> None:
        """The source at hand is finished: its rows, and all that was to be made of it, are there."""
        self._file.flush()
        start, self._start = self._start, os.fstat(self._file.fileno()).st_size
        if source.address is None:
            where = copy.relative_to(self.folder).as_posix() if copy else None
            done = Finished(_key(source), *file_state(source.path), (start, self._start), where, fault)
            self.finished[done.key] = done
            with open_text(self.folder / _JOB, "a") as job:
                job.write(json.dumps(asdict(done)) + "\n")

    def leave(self) -> None:
        """The source at hand could not be read: a later run tries it again."""
        self._file.flush()
        self._start = os.fstat(self._file.fileno()).st_size

    def _before(self) -> tuple[dict[str, str] | None, Path]:
        """Settings and rows file of the job that is in the folder; fills `finished`. No job: None."""
        path = self.folder / _JOB
        if not path.is_file():
            return None, self._rows
        try:
            with open_text(path, "r") as file:
                head = json.loads(next(file))
                rows = self.folder / head["rows"]
                rows = rows if rows.is_file() else self.folder / CSV_NAME
                size = rows.stat().st_size
                for line in file:
                    if not line.endswith("\n"):
                        break  # the machine stopped while it was written
                    values = json.loads(line)
                    done = Finished(**{**values, "rows": tuple(values["rows"])})
                    if done.rows[1] <= size:
                        self.finished[done.key] = done
        except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
            raise DataError(f"{path} cannot be read", fix="--overwrite begins again") from error
        return head["settings"], rows

    def _begin(self) -> None:
        """Make a rows file of what is finished and has not changed, and a job file that names it, then drop the old."""
        changed = {_key(source) for source in self._sources if not self.is_finished(source)}
        kept = {}
        with self._rows.open("wb") as file:
            file.write((",".join(column.name for column in columns(self._labels)) + "\n").encode())
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
        with replacing(self.folder / _JOB) as temporary, open_text(temporary, "w") as job:
            job.write(json.dumps({"rows": self._rows.name, "settings": self._settings}) + "\n")
            job.writelines(json.dumps(asdict(done)) + "\n" for done in kept.values())
        for path in self.folder.rglob(".*"):
            if _LEFT_OVER.fullmatch(path.name) and path != self._rows and path.is_file():
                path.unlink()
        self._file = open_text(self._rows, "a")
        self._start = self._rows.stat().st_size
        self._table = CsvTable(self._file, self._labels, header=False)


def _key(source: Source) -> str:
    return str(source.real_path)


def _lines(file: Any, count: int) -> Iterator[str]:
    """Lines of the next `count` bytes."""
    while count > 0:
        line = file.readline(count)
        if not line:
            return
        count -= len(line)
        yield line.decode("utf-8", "surrogateescape")


def _locked(path: Path) -> TextIO:
    """A file that only one run holds; the system lets go of it however the run ends."""
    file = path.open("w")
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise RefusedError(
                f"another run is writing into {path.parent}", fix="wait for it, or give another folder"
            ) from error
    return file
