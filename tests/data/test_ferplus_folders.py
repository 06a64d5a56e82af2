"""FERPlus as its script writes it."""

from __future__ import annotations

import pytest

from fercli.data.open import open_dataset
from fercli.errors import DataError


def test_ferplus_folders__need_no_name_and_keep_a_smaller_box(official_tree):
    root = official_tree("ferplus-folders")
    lines = root / "data" / "FER2013Test" / "label.csv"
    lines.write_text(lines.read_text().replace("(0, 0, 48, 48)", "(4, 8, 40, 44)", 1))
    dataset = open_dataset(str(root))
    assert (dataset.name, dataset.schema) == ("ferplus", "ferplus")
    assert [sample.box_xyxy for sample in dataset.split("test")][:2] == [(4, 8, 40, 44), None]


def test_ferplus_folders__names_invalid_lines_and_the_script_that_writes_the_pictures(official_tree):
    folder = official_tree("ferplus-folders") / "data" / "FER2013Valid"
    lines = (folder / "label.csv").read_text().splitlines()
    (folder / lines[0].split(",")[0]).unlink()
    lines[1] = lines[1].replace("48)", "48")
    lines[2] += ",1"
    lines[3] = lines[3].replace("fer", "../fer")
    (folder / "label.csv").write_text("\n".join(lines))
    with pytest.raises(
        DataError, match=r"line 1: fer\d+\.png does not exist; line 2: the box .*; line 3: 13 fields"
    ) as caught:
        open_dataset("ferplus", folder.parent)
    assert "line 4: '../fer" in caught.value.message
    assert "generate_training_data.py" in caught.value.fix


def test_ferplus_folders__omit_a_name_that_is_listed_twice(official_tree):
    folder = official_tree("ferplus-folders") / "data" / "FER2013Train"
    lines = (folder / "label.csv").read_text().splitlines()
    (folder / "label.csv").write_text("\n".join([*lines, lines[0]]))
    names = [sample.name for sample in open_dataset("ferplus", folder.parents[1]).split("train")]
    assert len(names) == 11
    assert "fer0000000.png" not in names
