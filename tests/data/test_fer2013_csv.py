"""The official csv files: read strictly, and FERPlus' majority rule by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.data.fer2013_csv import FERPLUS_HEADER, check_same_rows, majority, read_fer2013, read_votes
from fercli.errors import DataError

GREY = " ".join(["7"] * 2304)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def votes_file(path: Path, *rows: str) -> Path:
    return write(path, ",".join(FERPLUS_HEADER), *rows)


def test_read_fer2013__names_classes_and_splits(tmp_path):
    rows = read_fer2013(write(tmp_path / "f.csv", "emotion,pixels,Usage", f"0,{GREY},Training", f"6,{GREY},PublicTest"))
    assert [(row.label, row.split) for row in rows] == [("anger", "train"), ("neutral", "val")]
    assert rows[0].pixels == bytes([7]) * 2304


def test_read_fer2013__validation_is_never_the_test_split(tmp_path):
    lines = [f"3,{GREY},{usage}" for usage in ("PublicTest", "PrivateTest")]
    assert [row.split for row in read_fer2013(write(tmp_path / "f.csv", "emotion,pixels,Usage", *lines))] == [
        "val",
        "test",
    ]


def test_read_fer2013__lists_every_fault_with_its_line(tmp_path):
    path = write(
        tmp_path / "f.csv",
        "emotion,pixels,Usage",
        f"7,{GREY},Training",
        f"0,{GREY} 7,Training",
        f"0,{GREY},Test",
        f"0,{GREY[:-1]}256,Training",
        f"0,{GREY}",
        f"0,{GREY},Training",
    )
    with pytest.raises(DataError) as caught:
        read_fer2013(path)
    message = caught.value.message
    assert "line 2: emotion '7' is none of 0..6" in message
    assert "line 3: 2305 pixels, not 2304" in message
    assert "line 4: Usage 'Test'" in message
    assert "line 5: pixels are not all whole numbers from 0 to 255" in message
    assert "line 6: 2 fields, not 3" in message
    assert "line 7" not in message


def test_read_fer2013__shows_ten_faults_and_counts_the_rest(tmp_path):
    with pytest.raises(DataError, match=r"line 11: .*; and 2 more$"):
        read_fer2013(write(tmp_path / "f.csv", "emotion,pixels,Usage", *["9,1,Training"] * 12))


@pytest.mark.parametrize("lines", [("emotion,pixels", "0,1"), ("no csv at all",), ("emotion,pixels,Usage",)])
def test_read_fer2013__refuses_other_files(tmp_path, lines):
    with pytest.raises(DataError) as caught:
        read_fer2013(write(tmp_path / "f.csv", *lines))
    assert caught.value.fix


def test_read_fer2013__refuses_missing_and_binary_files(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\xff\xfe\x00")
    for name in ("nothing.csv", "picture.png", "."):
        with pytest.raises(DataError):
            read_fer2013(tmp_path / name)


def test_read_votes__keeps_names_and_leaves_missing_and_doubled_ones_out(tmp_path):
    rows = read_votes(
        votes_file(
            tmp_path / "v.csv",
            "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",
            "Training,,0,0,0,0,0,0,0,0,0,10",
            "PrivateTest,fer0000009.png,9,0,0,0,0,0,1,0,0,0",
            "PrivateTest,fer0000009.png,0,0,0,0,0,0,0,0,0,10",
        )
    )
    assert [row.name for row in rows] == ["fer0000000.png", None, None, None]
    assert rows[0].votes == (4, 0, 0, 1, 3, 2, 0, 0, 0, 0)
    assert rows[2].split == "test"


def test_read_votes__lists_faults_by_line(tmp_path):
    path = votes_file(
        tmp_path / "v.csv",
        "Training,../x.png,4,0,0,1,3,2,0,0,0,0",
        "Training,fer0000001.png,-4,0,0,1,3,2,0,0,0,0",
    )
    with pytest.raises(DataError, match=r"line 2: image name '../x.png'.*line 3: votes are not all whole"):
        read_votes(path)


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        ((6, 0, 1, 1, 0, 0, 0, 0, 2, 0), "neutral"),  # singles dropped: 6 of 8
        ((4, 0, 0, 1, 3, 2, 0, 0, 0, 0), None),  # 4 of 9
        ((3, 3, 0, 0, 0, 0, 0, 0, 0, 0), None),  # exactly half is no majority
        ((2, 1, 1, 1, 1, 1, 1, 1, 1, 0), "neutral"),  # every other vote is a single one
        ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1), None),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 10), "NF"),
        ((2, 0, 0, 0, 0, 0, 0, 0, 8, 0), "unknown"),
    ],
)
def test_majority__is_microsofts_rule(votes, winner):
    assert majority(votes) == winner


def test_check_same_rows__refuses_files_that_part(tmp_path):
    images = read_fer2013(write(tmp_path / "f.csv", "emotion,pixels,Usage", f"0,{GREY},Training"))
    one = "fer0000000.png,4,0,0,1,3,2,0,0,0,0"
    with pytest.raises(DataError, match="row 0 is train"):
        check_same_rows(images, read_votes(votes_file(tmp_path / "v.csv", f"PublicTest,{one}")))
    with pytest.raises(DataError, match="1 rows"):
        check_same_rows(images, read_votes(votes_file(tmp_path / "v.csv", *[f"Training,{one}"] * 2)))
