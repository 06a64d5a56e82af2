"""What produced a table of predictions: the weights, the settings and the program, as JSON beside or inside the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fercli import __version__
from fercli.errors import DataError
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json

SETTINGS_SUFFIX = ".settings.json"  # after the full name of the table: predictions.csv.settings.json
_FORMAT = 1


@dataclass(frozen=True)
class RunRecord:
    """The run that wrote a table. None, or empty: not recorded, as in tables of earlier versions.

    made_at: local time in ISO 8601. weights: name and version of the card. labels: the classes, in the card's order.
    uncertain_below: a face whose highest probability is lower has the status `uncertain`. settings: name -> value as text.
    """

    program: str | None = None
    made_at: str | None = None
    weights: str | None = None
    labels: tuple[str, ...] = ()
    uncertain_below: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    format: int = _FORMAT

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "labels": list(self.labels)}


def new_record(
    settings: Mapping[str, object], labels: Sequence[str], *, weights: str, uncertain_below: float | None
) -> RunRecord:
    """Return the record of a run of this program."""
    made_at = datetime.now().astimezone().isoformat(timespec="seconds")
    values = {name: str(value) for name, value in settings.items()}
    return RunRecord(f"fer {__version__}", made_at, weights, tuple(labels), uncertain_below, values)


def record_from(values: Mapping[str, Any], *, where: str) -> RunRecord:
    """Return the record of parsed JSON. Raises: DataError if it is not one, with `where` it is."""
    if "format" not in values:  # Parquet files of fer 0.2 and earlier: the program and the settings, flat
        settings = {name: str(value) for name, value in values.items() if name != "program"}
        program = values.get("program")
        return RunRecord(None if program is None else str(program), settings=settings)
    if values["format"] != _FORMAT:
        raise DataError(f"{where}: unknown format {values['format']}", fix="use the version of fer that wrote it")
    known = {name: values[name] for name in RunRecord.__dataclass_fields__ if name in values}
    known["labels"] = tuple(known.get("labels", ()))
    record = RunRecord(**known)
    texts = (record.program, record.made_at, record.weights)
    limit = record.uncertain_below
    if not (
        all(text is None or isinstance(text, str) for text in texts)
        and all(isinstance(label, str) for label in record.labels)
        and (limit is None or (isinstance(limit, int | float) and 0 <= limit <= 1))
        and isinstance(record.settings, Mapping)
    ):
        raise TypeError("a value of another type")
    return record


def settings_path(table: Path) -> Path:
    """Return the path of the settings of a table that cannot hold them."""
    return table.with_name(table.name + SETTINGS_SUFFIX)


def write_settings(table: Path, record: RunRecord) -> None:
    """Write the settings beside a table."""
    write_json(settings_path(table), record.as_dict())


def read_settings(table: Path) -> RunRecord:
    """Read the settings beside a table; an empty record if there are none. Raises: DataError for a malformed file."""
    path = settings_path(table)
    if not path.is_file():
        return RunRecord()
    try:
        return record_from(parse_json(path.read_text(encoding="utf-8")), where=str(path))
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: these are not the settings of a table", fix="remove the file") from error
