"""Text tables in the separators and encodings of spreadsheets."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.errors import DataError
from fercli.system.text_table import read_table

ROWS = ((2, {"name": "Zoë", "time": "1,5"}), (4, {"name": "x;y", "time": ""}))


@pytest.mark.parametrize(
    ("text", "encoding", "first"),
    [
        ('name;time\r\nZoë;1,5\r\n;\r\n"x;y";\r\n', "cp1252", 2),
        ('name;time\r\nZoë;1,5\r\n;\r\n"x;y"\r\n', "utf-8-sig", 2),
        ("name\ttime\nZoë\t1,5\n\t\nx;y\t\n", "utf-16", 2),
        ('name,time\nZoë,"1,5"\n,\nx;y,\n', "utf-8", 2),
        ('name,time\rZoë,"1,5"\r,\rx;y,\r', "utf-8", 2),  # line ends of old Macs
        ('Study of 2026;\r\n;\r\nname;time\r\nZoë;1,5\r\n;\r\n"x;y";\r\n', "utf-8", 4),  # a title above
        ('"Smith, J.",,\nname,time\nZoë,"1,5"\n,\nx;y,\n', "utf-8", 3),
        ("sep=|\nname|time\nZoë|1,5\n|\nx;y|\n", "utf-8", 3),
    ],
)
def test_read_table__of_spreadsheets(text: str, encoding: str, first: int, tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "a.csv")
    assert table.header == ("name", "time")
    assert table.rows == tuple((line + first - 2, cells) for line, cells in ROWS)


def test_read_table__of_a_workbook_is_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b"PK\x03\x04\x14\x00")
    with pytest.raises(DataError, match="a workbook, not a text table"):
        read_table(tmp_path / "a.csv")
