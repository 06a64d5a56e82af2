"""A log of what was read, with what, when, and what was stored, for an ethics board: JSON Lines and a text to read."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from fercli import __version__
from fercli.errors import DataError, UsageError
from fercli.formatting import one_line_json, pluralize
from fercli.media.sources import Source
from fercli.results import Prediction, is_frame, utf8_text
from fercli.rows.run_record import settings_path
from fercli.system.digest import file_sha256, file_state
from fercli.system.files import replacing
from fercli.system.json_text import parse_json

SUFFIX = ".jsonl"
Event = dict[str, Any]


class ProcessingLog:
    """Appends the events of one run to FILE.jsonl as they happen, and writes FILE.txt anew at the end.

    command: as the log shows it. weights: name and version. settings: everything else that shapes the predictions.
    outputs: files and folders of the run; what is new or changed in them at the end is logged as stored.
    Raises: UsageError for another suffix, DataError for a file that is not such a log, before anything is written.
    """

    def __init__(
        self,
        path: Path,
        *,
        command: str,
        weights: str,
        settings: Mapping[str, object],
        outputs: Sequence[Path],
    ) -> None:
        check_log_path(path)
        self._path, self._outputs, self._run = path, outputs, secrets.token_hex(4)
        self._facts = {"command": utf8_text(command), "weights": weights, "settings": _texts(settings)}
        self._source: Source | None = None
        self._counts = {"pictures": 0, "frames": 0, "faces": 0}
        self._fault: str | None = None

    def __enter__(self) -> ProcessingLog:
        self._before = dict(_files(self._outputs))
        python = f"Python {platform.python_version()}, {platform.system()}"
        self._write("started", program=f"fer {__version__}, {python}", **self._facts)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, _: object) -> None:
        if kind is None:
            self._end_source()
        for path, state in _files(self._outputs):
            if self._before.get(path) != state:
                self._write("stored", path=utf8_text(str(path)), size=state[0], sha256=file_sha256(path))
        interrupted = isinstance(error, KeyboardInterrupt)
        outcome = "done" if error is None else "interrupted" if interrupted else f"failed ({type(error).__name__})"
        self._write("ended", outcome=outcome)
        write_text(self._path)

    def kept(self, source: Source) -> None:
        """Log a source whose results an earlier run stored."""
        self._write("kept", source=utf8_text(source.name))

    def read_file(self, path: Path) -> None:
        """Log a table or another file that is read, or every file of a folder."""
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                size, _ = file_state(file)
                self._write("read file", source=utf8_text(str(file)), size=size, sha256=file_sha256(file))

    def add(self, source: Source, predictions: Sequence[Prediction], *, decoded: bool) -> None:
        """Count a picture or frame; a source is logged when the next one begins."""
        if self._source is None or source.key != self._source.key:
            self._end_source()
            self._source, self._fault = source, None
            self._counts = dict.fromkeys(self._counts, 0)
        if decoded:
            self._counts["frames" if is_frame(predictions) else "pictures"] += 1
        else:
            self._fault = predictions[0].detail
        self._counts["faces"] += sum(prediction.detection is not None for prediction in predictions)

    def _end_source(self) -> None:
        source = self._source
        if source is None:
            return
        facts: Event = {"source": utf8_text(source.name), "size": None, "sha256": None}
        if source.address is None and source.path.is_file():
            with suppress(OSError):  # a file without permission, whose fault is logged
                facts |= {"size": file_state(source.path)[0], "sha256": file_sha256(source.path)}
        self._write("read", **facts, **self._counts, fault=None if self._fault is None else utf8_text(self._fault))
        self._source = None

    def _write(self, event: str, **values: object) -> None:
        line: Event = {"run": self._run, "event": event, "at": _now(), **values}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(one_line_json(line) + "\n")


def check_log_path(path: Path) -> None:
    """Raise UsageError for a name without .jsonl, DataError for a file that is not a processing log."""
    if path.suffix != SUFFIX:
        raise UsageError(f"{path}: a processing log has the suffix {SUFFIX}", fix=f"{path.with_suffix(SUFFIX)}")
    if path.exists():
        read_log(path)


def read_log(path: Path) -> list[Event]:
    """Return the events of a log; a last line that a killed run left incomplete is skipped. Raises: DataError."""
    events: list[Event] = []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            event = parse_json(line)
            if not isinstance(event, dict) or not {"run", "event", "at"} <= set(event):
                raise ValueError(line)
        except (ValueError, TypeError) as error:
            if number == len(lines) and events:
                break
            raise DataError(f"{path}, line {number}: not a line of a processing log", fix="another file") from error
        events.append(event)
    return events


def write_text(path: Path) -> None:
    """Write the log as a text beside it, one section per run."""
    runs: dict[str, list[Event]] = {}
    for event in read_log(path):
        runs.setdefault(event["run"], []).append(event)
    lines = ["Processing log of fer"]
    for run, events in runs.items():
        lines += ["", *_section(run, events)]
    with replacing(path.with_suffix(".txt")) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _section(run: str, events: Sequence[Event]) -> Iterator[str]:
    of: dict[str, list[Event]] = {}
    for event in events:
        of.setdefault(event["event"], []).append(event)
    for started in of.get("started", ()):
        yield f"Run {run}, started {started['at']}"
        yield f"  command: {started['command']}"
        yield f"  program: {started['program']}"
        yield f"  weights: {started['weights']}"
        yield from (f"  {name}: {value}" for name, value in started["settings"].items())
    if "read file" in of:
        yield f"  read: {pluralize(len(of['read file']), 'file')}"
        yield from (
            f"    {event['source']}: {pluralize(event['size'], 'byte')}, sha256 {event['sha256']}; at {event['at']}"
            for event in of["read file"]
        )
    else:
        yield f"  read: {pluralize(len(of.get('read', ())), 'source')}"
    yield from (f"    {_read_line(event)}" for event in of.get("read", ()))
    if "kept" in of:
        yield f"  results of an earlier run kept: {', '.join(event['source'] for event in of['kept'])}"
    yield f"  stored: {pluralize(len(of.get('stored', ())), 'file')}"
    yield from (
        f"    {event['path']}: {pluralize(event['size'], 'byte')}, sha256 {event['sha256']}"
        for event in of.get("stored", ())
    )
    ended = of.get("ended")
    yield f"  ended {ended[0]['at']}: {ended[0]['outcome']}" if ended else "  did not end: killed, or still running"


def _read_line(event: Event) -> str:
    counts = [(event["pictures"], "picture"), (event["frames"], "frame"), (event["faces"], "face")]
    parts = [pluralize(event["size"], "byte"), f"sha256 {event['sha256']}"] if event["sha256"] else ["not a file"]
    parts += [pluralize(count, noun) for count, noun in counts if count or noun == "face"]
    parts += [event["fault"]] if event["fault"] else []
    return f"{event['source']}: {', '.join(parts)}; at {event['at']}"


def _files(outputs: Iterable[Path]) -> Iterator[tuple[Path, tuple[int, int]]]:
    """The files of all outputs with size and time, those in folders included."""
    for output in outputs:
        paths = sorted(output.rglob("*")) if output.is_dir() else [output, settings_path(output)]
        yield from ((path, file_state(path)) for path in paths if path.is_file())


def _texts(settings: Mapping[str, object]) -> dict[str, str]:
    return {name: utf8_text(str(value)) for name, value in settings.items()}


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def shown_command(arguments: Sequence[str], *, hidden: Iterable[str]) -> str:
    """Return a command line as a log shows it. hidden: arguments, or values of options, whose text is replaced."""
    names = {name for name in hidden if name}
    words = []
    for word in arguments:
        option, equals, value = word.partition("=")
        if word in names:
            words.append("(hidden)")
        elif equals and value in names:
            words.append(f"{option}=(hidden)")
        else:
            words.append(f"'{word}'" if " " in word else word)
    return " ".join(["fer", *words])
