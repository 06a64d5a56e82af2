"""Lists of data sets name files inside their folder only."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.config.labels import schema
from fercli.data.expw import read_expw
from fercli.data.open import open_dataset
from fercli.errors import DataError
from fercli.system.inside import inside

OUTSIDE = (
    "../secret.jpg",
    "a/../../secret.jpg",
    "/etc/passwd",
    "C:\\x.jpg",
    "..\\secret.jpg",
    "\\\\server\\x.jpg",
    "C:x.jpg",
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_inside__refuses_names_that_lead_out(name: str, tmp_path: Path):
    with pytest.raises(ValueError, match="leads outside the folder"):
        inside(tmp_path, name)


def test_inside__keeps_ordinary_names(tmp_path: Path):
    assert inside(tmp_path, "a/b..jpg") == tmp_path / "a" / "b..jpg"


@pytest.mark.parametrize("name", ["../../secret.jpg", "{root}/secret.jpg"])
def test_expw__refuses_a_line_that_leads_out(name: str, tmp_path: Path):
    root = tmp_path / "expw"
    (root / "label").mkdir(parents=True)
    (root / "image" / "origin").mkdir(parents=True)
    (tmp_path / "secret.jpg").touch()
    line = f"{name.format(root=tmp_path)} 0 1 1 9 9 50 3\n"
    (root / "label" / "label.lst").write_text(line, encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1: .* leads outside"):
        read_expw(root, schema("expw"))


def test_prepared__refuses_a_row_that_leads_out(tmp_path: Path):
    root = tmp_path / "set"
    root.mkdir()
    (tmp_path / "secret.jpg").touch()
    (root / "dataset.csv").write_text("path,split,label\n../secret.jpg,train,anger\n", encoding="utf-8")
    (root / "dataset.json").write_text(
        '{"format": 1, "name": "x", "schema": "x", "labels": ["anger"]}', encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"line 2: .* leads outside"):
        open_dataset(str(root))
