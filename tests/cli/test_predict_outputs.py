"""Outputs of fer predict that contradict each other are refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.cli.predict_outputs import OutputOptions
from fercli.errors import RefusedError, UsageError

NONE = {"json": False, "tables": (), "report": None, "folder": None, "resume": False, "overwrite": False}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resume": True}, "--resume needs the folder"),
        ({"resume": True, "folder": Path("x"), "report": Path("y.html")}, "--report covers all sources"),
        ({"tables": (Path("a.xlsx"),)}, r"unknown table format \.xlsx: a\.xlsx"),
        ({"tables": (Path("a"),)}, "unknown table format without a suffix: a"),
    ],
)
def test_output_options__are_checked(options: dict[str, object], message: str):
    with pytest.raises(UsageError, match=message):
        OutputOptions(**(NONE | options))  # type: ignore[arg-type]


def test_output_options__replace_tables_only_on_request(tmp_path: Path):
    table = tmp_path / "a.csv"
    table.touch()
    with pytest.raises(RefusedError):
        OutputOptions(**(NONE | {"tables": (table,)}))  # type: ignore[arg-type]
    OutputOptions(**(NONE | {"tables": (table,), "overwrite": True}))  # type: ignore[arg-type]
    resumed = OutputOptions(**(NONE | {"tables": (table,), "resume": True, "folder": tmp_path / "out"}))  # type: ignore[arg-type]
    assert resumed.paths == (tmp_path / "out", table)


def test_options__privacy_needs_copies_or_a_report(tmp_path: Path):
    from fercli.predict.privacy import Privacy

    with pytest.raises(UsageError, match="no copies and reports"):
        OutputOptions(**(NONE | {"privacy": Privacy(blur_faces=True)}))  # type: ignore[arg-type]
    OutputOptions(**(NONE | {"privacy": Privacy(blur_faces=True), "folder": tmp_path / "out"}))  # type: ignore[arg-type]
