"""`fer predict --shard`: a part of the sources, each with a Parquet file of its own, so that a finished file stays finished.

A part's name is the hash of the path below the named folder and of the file's content, and the hash of the settings. It is
written under a temporary name: what exists is complete, and a restarted shard continues with what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fercli import __version__
from fercli.errors import DataError, UsageError
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.predict.record import record_run
from fercli.results import Prediction, is_frame, utf8_text
from fercli.rows.parquet import PARQUET, is_whole
from fercli.rows.read import read_rows
from fercli.rows.table import TableWriter
from fercli.system.digest import file_sha256
from fercli.system.files import replacing
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json
from fercli.system.shards import Shard, text_digest
from fercli.weights.card import WeightsCard

_FORMAT = 1
_HASH = 24  # hexadecimal digits
_LISTED = 3  # differences in a message
_WHOLE = Shard(1, 1)


@dataclass(frozen=True)
class SourceList:
    """What all shards of a run must have been given: the number of sources, and a hash of their names."""

    sources: int
    digest: str

    @classmethod
    def of(cls, sources: Iterable[Source]) -> SourceList:
        names = sorted(map(_name, sources))
        return cls(len(names), text_digest("\n".join(names)))


def shard_sources(shard: Shard, sources: Sequence[Source]) -> list[Source]:
    """Select the sources of a shard by a hash of their path below the folder that the user named. Raises: UsageError."""
    if any(source.is_live for source in sources):
        raise UsageError("cameras and streams have no shards", fix="remove --shard")
    return [source for source in sources if shard.holds(_name(source))]


class PartsFolder:
    """Writes a part for every source; the interface is that of ResultsFolder.

    settings: what shapes the predictions. shard: None for a worker that writes no inventory. whole: the list of all shards.
    todo: sources without a finished part. finished: those with one.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        card: WeightsCard,
        settings: Mapping[str, object],
        *,
        shard: Shard | None = None,
        whole: SourceList | None = None,
        shown_settings: Mapping[str, object] | None = None,
    ) -> None:
        PARQUET.check()
        self._folder, self._shard, self._whole, self._labels = folder, shard, whole, card.labels
        self._run = record_run(card, shown_settings or settings).as_dict()
        self._settings, self._code = settings, _settings_code(settings, card.labels)
        self._paths = {source.key: self._part_path(source) for source in sources}
        self.removed: list[Source] = []
        exists = {key: is_whole(path) for key, path in self._paths.items()}
        self.finished = [source for source in sources if exists[source.key]]
        self.todo = [source for source in sources if not exists[source.key]]
        self._sources = list(sources)
        self._open = ExitStack()
        self._source: Source | None = None
        self._table: TableWriter | None = None
        self._was_read, self._fault = False, ""

    def _part_path(self, source: Source) -> Path:
        try:
            content = "" if source.fault or source.address is not None else file_sha256(source.path)
        except OSError:  # without permission, or removed since it was listed: reading it reports why
            content = ""
        name = text_digest(f"{_name(source)}\n{content}")[:_HASH]
        return self._folder / name[:2] / f"{name}-{self._code}.parquet"

    def __enter__(self) -> PartsFolder:
        if self._shard is not None:
            listed = [(source.name, self.part_name(source)) for source in self._sources]
            write_inventory(self._folder, self._settings, self._labels, listed, shard=self._shard, whole=self._whole)
        return self

    def part_name(self, source: Source) -> str:
        """Return the path of a part below the folder."""
        return self._paths[source.key].relative_to(self._folder).as_posix()

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is None:
            self._end_source()
        else:
            self._open.__exit__(kind, *error)

    def earlier(self) -> Iterator[tuple[Source, Iterator[Prediction], str | None]]:
        """Yield every source with a finished part, with its rows."""
        for source in self.finished:
            yield source, read_rows(self._paths[source.key]).predictions(), None

    def add(
        self,
        source: Source,
        rgb: Rgb | None,
        predictions: Sequence[Prediction],
        *,
        time_s: float | None = None,  # noqa: ARG002 - as of ResultsFolder
        duration_s: float | None = None,  # noqa: ARG002
    ) -> None:
        """Add a picture or the next frame of a video; rgb None: it, or the rest of the video, could not be read."""
        if self._source is None or source.key != self._source.key:
            self._end_source()
            self._begin(source)
        if rgb is not None or is_frame(predictions):
            self._was_read = True
        else:
            self._fault = predictions[0].detail or ""
        if self._table is not None:
            self._table.add(predictions)

    def _begin(self, source: Source) -> None:
        self._source, self._was_read, self._fault = source, False, ""
        self._open = ExitStack()
        temporary = self._open.enter_context(replacing(self._paths[source.key]))
        self._table = self._open.enter_context(PARQUET.open(temporary, self._labels, self._run))

    def _end_source(self) -> None:
        if self._source is None:
            return
        path = self._paths[self._source.key]
        failure = path.with_suffix(".failed.json")
        self._open.close()
        if self._was_read:
            failure.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
            write_json(failure, {"source": utf8_text(self._source.name), "detail": self._fault})
        self._source, self._table = None, None


def write_inventory(
    folder: Path,
    settings: Mapping[str, object],
    labels: Sequence[str],
    sources: Sequence[tuple[str, str | None]],
    *,
    shard: Shard = _WHOLE,
    whole: SourceList | None = None,
) -> None:
    """Write the list of the sources of a shard. sources: name, and path of the part, None if it is not known yet."""
    values = {
        "format": _FORMAT,
        "shard": shard.index,
        "shards": shard.count,
        "settings": _settings_code(settings, labels),
        "run": {"fer": __version__, **{name: str(value) for name, value in settings.items()}},
    }
    listed = [{"source": utf8_text(name), "part": part} for name, part in sources]
    given = {} if whole is None else {"list": asdict(whole)}
    write_json(folder / f"shard-{shard.name}.json", {**values, **given, "labels": list(labels), "sources": listed})


def _settings_code(settings: Mapping[str, object], labels: Sequence[str]) -> str:
    facts = {name: str(value) for name, value in settings.items()} | {"program": __version__}
    return text_digest(json.dumps([facts, list(labels)], sort_keys=True))[:8]


@dataclass(frozen=True)
class Parts:
    """What a folder of parts has. parts: finished files by source, sorted. failed: source and reason.

    missing: sources without a complete part. missing_shards: numbers of shards that never began.
    left_out: number of parts that no shard lists: of another list of sources, of changed files, or of other settings.
    lists: if not all shards were given the same list of sources, the first shard of every list with its number of sources.
    """

    labels: tuple[str, ...]
    parts: tuple[tuple[str, Path], ...]
    failed: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    missing_shards: tuple[int, ...]
    left_out: int = 0
    lists: tuple[tuple[str, int], ...] = ()


def read_parts(folder: Path) -> Parts:
    """Read the inventories of all shards. Raises: DataError if there are none, or if shards do not belong together."""
    inventories = [_read_inventory(path) for path in sorted(folder.glob("shard-*-of-*.json"))]
    if not inventories:
        raise DataError(f"{folder} has no parts", fix="fer predict DIR --out PARTS --shard 1/4, ... --shard 4/4")
    _check_same_run(inventories, folder)
    first = inventories[0]
    parts, failed, missing = [], [], []
    for entry in sorted((entry for inventory in inventories for entry in inventory["sources"]), key=_source_of):
        if entry["part"] is None:
            missing.append(entry["source"])
            continue
        path, failure = folder / entry["part"], (folder / entry["part"]).with_suffix(".failed.json")
        if is_whole(path):
            parts.append((entry["source"], path))
        elif failure.is_file():
            failed.append((entry["source"], _reason(failure)))
        else:
            missing.append(entry["source"])
    began = {inventory["shard"] for inventory in inventories}
    return Parts(
        labels=tuple(first["labels"]),
        parts=tuple(parts),
        failed=tuple(failed),
        missing=tuple(missing),
        missing_shards=tuple(number for number in range(1, first["shards"] + 1) if number not in began),
        left_out=sum(1 for _ in folder.glob("*/*.parquet")) - len({path for _, path in parts}),
        lists=_different_lists(inventories),
    )


def _different_lists(inventories: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, int], ...]:
    """The first shard of every list of sources with its length, `(("1/4", 120), ...)`; empty if there is one list."""
    first: dict[str, tuple[str, int]] = {}
    for inventory in inventories:
        given = inventory.get("list")  # inventories of earlier versions have none
        if isinstance(given, dict):
            shard = f"{inventory['shard']}/{inventory['shards']}"
            first.setdefault(str(given.get("digest")), (shard, int(given.get("sources", 0))))
    return tuple(first.values()) if len(first) > 1 else ()


def _check_same_run(inventories: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Raise DataError if two shards differ in their number, settings or classes."""
    first = inventories[0]
    for name, what in (("shards", "number of shards"), ("settings", "settings"), ("labels", "classes")):
        other = next((inventory for inventory in inventories if inventory[name] != first[name]), None)
        if other is None:
            continue
        both = " and ".join(f"{inventory['shard']}/{inventory['shards']}" for inventory in (first, other))
        fix = "run all shards with the same settings and version of fer; another run needs another folder"
        if name == "shards":
            fix = f"remove shard-*-of-{first[name]}.json or shard-*-of-{other[name]}.json: finished parts stay"
        raise DataError(f"shards {both} in {folder} differ in their {what}{_difference(first, other)}", fix=fix)


def _difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Return how the settings of two shards differ; empty for inventories of earlier versions, which have none."""
    before, after = (inventory.get("run") for inventory in (first, second))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    texts = [f"{name} {before.get(name, 'not set')} and {after.get(name, 'not set')}" for name in names[:_LISTED]]
    return f": {'; '.join(texts)}" if texts else ""


def _read_inventory(path: Path) -> dict[str, Any]:
    """The inventory of a shard. Raises: DataError if it is damaged."""
    try:
        inventory: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
        for name, kind in (("shard", int), ("shards", int), ("settings", str), ("labels", list), ("sources", list)):
            if not isinstance(inventory[name], kind):
                raise TypeError(f"{name} is a {type(inventory[name]).__name__}")
        for entry in inventory["sources"]:
            if not isinstance(entry["source"], str) or not isinstance(entry["part"], str | None):
                raise TypeError("a source is not a text")
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error!r})", fix="remove it and run its shard again") from error
    return inventory


def _reason(failure: Path) -> str:
    try:
        return str(parse_json(failure.read_text(encoding="utf-8"))["detail"])
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{failure} is damaged ({error!r})", fix="remove it and run its shard again") from error


def _source_of(entry: Mapping[str, str]) -> str:
    return entry["source"]


def _name(source: Source) -> str:
    name = utf8_text(source.relative.as_posix())
    return name if source.number == 1 else f"{name} ({source.number})"
