"""Replace the names of files and people in results by ids that only the holder of a key file can trace back."""

from __future__ import annotations

import csv
import hmac
import os
import secrets
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fercli.errors import DataError, RefusedError
from fercli.media.sources import Source
from fercli.predict.image_result import ImageResult
from fercli.results import Prediction
from fercli.system.digest import file_sha256
from fercli.system.files import replacing, writing_alone

COLUMNS = ("kind", "id", "original")
SETTING = "names of files and people"
_WARNING = "secret: whoever has this file can tell who is who"
_FILE_DIGITS, _PERSON_DIGITS = 12, 8  # hexadecimal: two of 100,000 files share an id with a probability of 0.002 %


class Key:
    """The secret of the ids, and what they stand for, in a csv file with the columns kind, id and original.

    The file is created with a new random secret where there is none, readable by its owner only. The id of a file depends
    on its content and the secret, that of a person on the name and the secret: the same in every run and in every folder.
    Raises: DataError if a file is there that is not a key.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_new = not path.exists()
        self._rows: list[tuple[str, str, str]] = []
        if self.is_new:
            self._secret = secrets.token_bytes(32)
        else:
            self._secret, self._rows = _read(path)

    @property
    def fingerprint(self) -> str:
        """Eight digits that tell one key from another without revealing it."""
        return self._code("key", "", 8)

    def of_file(self, source: Source) -> str:
        """Return the id of a source with its suffix, such as file-3f9a2c81d4e0.mp4."""
        if source.address is not None:
            return f"stream-{self._code('address', source.name, _FILE_DIGITS)}"
        try:
            content = f"sha256 {file_sha256(source.path)}"
        except OSError:  # a file that is not there, or not readable: reported under its id
            content = f"path {os.path.abspath(source.path)}"  # noqa: PTH100 - links are not resolved
        return f"file-{self._code('file', content, _FILE_DIGITS)}{source.path.suffix.lower()}"

    def of_person(self, name: str) -> str:
        """Return the id of a person, such as person-81d43f9a."""
        return f"person-{self._code('person', unicodedata.normalize('NFC', name.strip()), _PERSON_DIGITS)}"

    def record(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Add what ids stand for, (kind, id, original), and write the file if it lacks one of them."""
        found = dict.fromkeys(rows)  # in order; sources may be many
        if found.keys() <= set(self._rows) and not self.is_new:
            return
        with writing_alone(self.path):
            if self.path.exists():  # another run may have added rows since
                secret, rows_now = _read(self.path)
                if secret != self._secret:
                    raise RefusedError(f"another run has written {self.path} meanwhile", fix="repeat the command")
                self._rows = rows_now
            self._rows = list(dict.fromkeys([*self._rows, *found]))
            with replacing(self.path) as temporary:
                number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(number, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
                    table = csv.writer(file, lineterminator="\n")
                    table.writerows([COLUMNS, ("key", self._secret.hex(), _WARNING), *self._rows])
        self.is_new = False

    def _code(self, kind: str, text: str, digits: int) -> str:
        message = f"{kind}\0{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self._secret, message, "sha256").hexdigest()[:digits]


class Pseudonyms:
    """The ids of the sources and people of one run; writes the key file.

    people: the names that rows can contain. files: other files that rows can name, such as neutral pictures.
    Raises: DataError, RefusedError as `Key` does.
    """

    def __init__(
        self, key: Key, sources: Sequence[Source], *, people: Iterable[str] = (), files: Iterable[Path] = ()
    ) -> None:
        self._shown: dict[str, Source] = {}
        self._original: dict[str, Source] = {}
        self._people = {name: key.of_person(name) for name in people}
        self._files = {path.name: key.of_file(Source(path, "image", path)) for path in files}
        used: Counter[str] = Counter()
        rows = [("person", code, name) for name, code in self._people.items()]
        for source in sources:
            code = key.of_file(source)
            used[code] += 1
            if used[code] > 1:  # a copy of a file under another name
                code = f"{Path(code).stem}-{used[code]}{Path(code).suffix}"
            hidden = replace(source, alias=code, relative=Path(code), number=1)
            hidden = replace(hidden, fault=_without_names(source.fault, source, code))
            self._shown[source.key], self._original[code] = hidden, source
            rows.append(("file", code, source.name if source.address is not None else os.path.abspath(source.path)))  # noqa: PTH100
        key.record(rows)

    @property
    def sources(self) -> list[Source]:
        """The sources under their ids, in order."""
        return list(self._shown.values())

    def shown(self, source: Source) -> Source:
        """Return a source under its id."""
        known = self._shown[source.key]
        return replace(source, alias=known.alias, relative=known.relative, number=1, fault=known.fault)

    def originals(self, sources: Iterable[Source]) -> list[Source]:
        """Return the sources that these ids stand for."""
        return [self._original[source.key] for source in sources]

    def results(self, results: Iterable[ImageResult]) -> Iterator[ImageResult]:
        """Yield results under the ids of their sources and people."""
        for result in results:
            source = self.shown(result.source)
            yield replace(
                result,
                source=source,
                predictions=tuple(self._hidden(row, result.source, source.name) for row in result.predictions),
                note=_without_names(result.note, result.source, source.name),
            )

    def _hidden(self, prediction: Prediction, source: Source, code: str) -> Prediction:
        person, baseline = prediction.person, prediction.baseline
        return replace(
            prediction,
            source=code,
            person=None if person is None else self._people[person],
            baseline=None if baseline is None else self._files.get(baseline, baseline),
            detail=_without_names(prediction.detail, source, code),
        )


def hidden_settings(settings: Mapping[str, object], key: Key, files: Iterable[Path | None]) -> dict[str, object]:
    """Return settings that do not name these files, and say that names are replaced."""
    shown = dict(settings)
    for path in files:
        if path is not None:
            shown = {name: str(value).replace(path.name, "whose name is hidden") for name, value in shown.items()}
    return {**shown, SETTING: f"replaced by ids, key {key.fingerprint}"}


def _without_names(text: str | None, source: Source, code: str) -> str | None:
    if text is None or source.address is not None:
        return text
    for name in (os.path.abspath(source.path), str(source.path), source.path.name):  # noqa: PTH100
        text = text.replace(name, code)
    return text


def _read(path: Path) -> tuple[bytes, list[tuple[str, str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            head, first, *rows = [tuple(row) for row in csv.reader(file)]
        secret = bytes.fromhex(first[1])
        if head != COLUMNS or first[0] != "key" or len(secret) != 32 or any(len(row) != 3 for row in rows):
            raise ValueError(path)
    except (ValueError, IndexError, csv.Error, IsADirectoryError) as error:
        raise DataError(
            f"{path} is not a key of --pseudonyms", fix="name the key of an earlier run, or a new file"
        ) from error
    return secret, [(kind, code, original) for kind, code, original in rows]
