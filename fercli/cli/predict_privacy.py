"""The options of `fer predict` that protect and document: ids instead of names, and a processing log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fercli.cli import console
from fercli.errors import UsageError
from fercli.formatting import printable

if TYPE_CHECKING:
    from fercli.cli.predict_people import PeopleOptions
    from fercli.media.sources import Source
    from fercli.predict.image_result import ImageResult
    from fercli.predict.processing_log import ProcessingLog
    from fercli.predict.pseudonyms import Key, Pseudonyms
    from fercli.weights.card import WeightsCard

PANEL = "Privacy"

PseudonymsOption = Annotated[
    Path | None,
    typer.Option(
        "--pseudonyms",
        metavar="KEY.csv",
        help="Replace the names of files and people in all outputs by ids; the key file, which is made if it is missing, "
        "lists what they stand for.",
        rich_help_panel=PANEL,
    ),
]
LogOption = Annotated[
    Path | None,
    typer.Option(
        "--processing-log",
        metavar="FILE.jsonl",
        help="Append to a log what was read, with what, when, and what was stored; a text to read is written beside it.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Protection:
    """What --pseudonyms and --processing-log request. files: what other options name, which ids replace as well."""

    key_file: Path | None
    log_file: Path | None
    command: Sequence[str]
    arguments: Sequence[str]
    files: Sequence[Path | None]

    def check(self, outputs: Iterable[Path]) -> None:
        """Raise UsageError, DataError before any work, such as for a key that would be among the results."""
        if self.log_file is not None:
            from fercli.predict.processing_log import check_log_path

            check_log_path(self.log_file)
        key = self.key_file
        for output in outputs if key is not None else ():
            if key.resolve() == output.resolve() or output.resolve() in key.resolve().parents:  # type: ignore[union-attr]
                raise UsageError(
                    f"the key {key} would be among the results, which then hide nothing",
                    fix="--pseudonyms with a file elsewhere",
                )

    def open_names(self, sources: Sequence[Source], people: PeopleOptions, *, quiet: bool = False) -> ShownNames:
        """Return the names of the run: ids with --pseudonyms."""
        if self.key_file is None:
            return ShownNames(sources)
        from fercli.predict.pseudonyms import Key, Pseudonyms

        key = Key(self.key_file)
        if key.is_new and not quiet:
            console.say(printable(f"new key {self.key_file}: keep it secret, and apart from the results"))
        ids = Pseudonyms(key, sources, people=people.all_names, files=people.neutral_pictures)
        return ShownNames(ids.sources, ids, key, self.files)

    def log(self, card: WeightsCard, settings: Mapping[str, object], outputs: Sequence[Path]) -> ProcessingLog | None:
        """Return the log of the run; None without --processing-log."""
        if self.log_file is None:
            return None
        from fercli.predict.processing_log import ProcessingLog, shown_command

        hidden: set[str] = set()
        if self.key_file is not None:
            hidden = {str(path) for path in (self.key_file, *self.files) if path is not None} | set(self.arguments)
        return ProcessingLog(
            self.log_file,
            command=shown_command(self.command, hidden=hidden),
            weights=f"{card.name}, version {card.version}",
            settings=settings,
            outputs=outputs,
        )


class ShownNames:
    """How outputs name sources and people: as they are called, or by ids."""

    def __init__(
        self,
        sources: Sequence[Source],
        ids: Pseudonyms | None = None,
        key: Key | None = None,
        files: Sequence[Path | None] = (),
    ) -> None:
        self.sources, self._ids, self._key, self._files = list(sources), ids, key, files

    def shown(self, source: Source) -> Source:
        """Return a source as outputs name it."""
        return source if self._ids is None else self._ids.shown(source)

    def originals(self, sources: Sequence[Source]) -> list[Source]:
        """Return the sources to read."""
        return list(sources) if self._ids is None else self._ids.originals(sources)

    def results(self, results: Iterator[ImageResult]) -> Iterator[ImageResult]:
        """Return the results as outputs name their sources and people."""
        return results if self._ids is None else self._ids.results(results)

    def settings(self, settings: dict[str, object]) -> dict[str, object]:
        """Return the settings as outputs record them."""
        if self._key is None:
            return settings
        from fercli.predict.pseudonyms import hidden_settings

        return hidden_settings(settings, self._key, self._files)


def command_line(context: typer.Context) -> list[str]:
    """Return the command line of this run."""
    options: Any = context.obj
    return list(getattr(options, "arguments", ()))
