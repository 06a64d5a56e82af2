"""`fer report`: one of the paper's tables as markdown and csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fercli.errors import UsageError
from fercli.evaluate.paper_tables import PaperTable, method_table
from fercli.evaluate.published_scores import METHOD_TABLES, STUDY_TABLES
from fercli.evaluate.study_tables import StudyTable, study_table
from fercli.system.files import refuse_existing_folder, replacing_folder


def report(
    table: str, runs: Sequence[str] = (), *, out: Path | None = None, overwrite: bool = False
) -> PaperTable | StudyTable:
    """Put results beside published scores.

    runs: folders of `fer train`, `fer eval --out` or, for Tables 5 to 8, `fer ablate`; or NAME=FOLDER, where results with
    one name are runs of one method, whose mean and standard deviation are shown. out: a new folder for TABLE.md, TABLE.csv.
    Raises: UsageError for an unknown table; DataError for results that do not belong into it.
    """
    if table not in METHOD_TABLES and table not in STUDY_TABLES:
        raise UsageError(f"unknown table {table!r}", fix=f"known: {', '.join((*METHOD_TABLES, *STUDY_TABLES))}")
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=f"{table}.csv")
    result = study_table(table, runs) if table in STUDY_TABLES else method_table(table, runs)
    if out is not None:
        with replacing_folder(out) as folder:
            (folder / f"{table}.md").write_text(result.as_markdown(), encoding="utf-8")
            (folder / f"{table}.csv").write_text(result.as_csv(), encoding="utf-8")
    return result
