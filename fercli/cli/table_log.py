"""The processing log of commands that read tables of predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fercli.cli.predict_privacy import command_line

if TYPE_CHECKING:
    from fercli.rows.run_record import RunRecord


@contextmanager
def table_log(
    path: Path | None, context: typer.Context, inputs: Sequence[Path | None], outputs: Sequence[Path | None]
) -> Iterator[None]:
    """Log a run: the tables and other files that it reads, and the outputs that it stores. path: of the log, None for none.

    inputs: folders of results stand for their table.
    """
    if path is None:
        yield
        return
    from fercli.predict.processing_log import ProcessingLog, shown_command
    from fercli.rows.read import TABLE_NAME

    given = [item for item in inputs if item is not None]
    files = [item / TABLE_NAME if (item / TABLE_NAME).is_file() else item for item in given]
    run = _first_run(files)
    with ProcessingLog(
        path,
        command=shown_command(command_line(context), hidden=()),
        weights=("none" if run is None else run.weights) or "not recorded",
        settings={} if run is None else run.settings,
        outputs=[item for item in outputs if item is not None],
    ) as log:
        for file in files:
            log.read_file(file)
        yield


def _first_run(files: Sequence[Path]) -> RunRecord | None:
    """Return the run that wrote the first table of predictions among the files."""
    from fercli.errors import FerError
    from fercli.rows.read import read_rows

    for file in files:
        try:
            return read_rows(file).run
        except (FerError, OSError, UnicodeDecodeError):
            continue
    return None
