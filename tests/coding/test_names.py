"""Names of tracks."""

from pathlib import Path

import pytest

from fercli.coding.names import read_names
from fercli.errors import DataError
from fercli.results import Face, Prediction


def _names(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "names.csv"
    path.write_text(text)
    return path


def test_names__belong_to_a_track_of_one_source_or_of_all(tmp_path: Path):
    names = read_names(_names(tmp_path, "source,track,name\na.mp4,1,Anna\n,1,Somebody\na.mp4,3,Anna\n"))
    assert names.name_of("talks/a.mp4", 1) == "Anna"
    assert names.name_of("talks/a.mp4", 3) == "Anna"
    assert names.name_of("talks/b.mp4", 1) == "Somebody"
    assert names.name_of("talks/a.mp4", 2) is None
    assert read_names(_names(tmp_path, "track,name\n2,Bert\n")).name_of("a.mp4", 2) == "Bert"


def _rows(*tracks: int, frame: int = 0) -> list[Prediction]:
    face, values = Face((0.0, 0.0, 9.0, 9.0), 0.9, None), {"neutral": 0.6, "anger": 0.4}
    return [
        Prediction("a.mp4", "ok", frame, frame / 10, index, face, "neutral", values, track=track)
        for index, track in enumerate(tracks)
    ]


def test_names__tracks_with_one_name_are_one_person(tmp_path: Path):
    names = read_names(_names(tmp_path, "track,name\n1,Anna\n3,Anna\n"))
    rows = list(names.of_rows([*_rows(1, 2), *_rows(2, 3, frame=1)]))
    assert [row.who for row in rows] == ["Anna", 2, 2, "Anna"]
    assert [row.track for row in rows] == [1, 2, 2, 3]
    assert names.warnings() == []


def test_names__two_tracks_in_view_together_are_not_one_person(tmp_path: Path):
    names = read_names(_names(tmp_path, "track,name\n1,Anna\n3,Anna\n"))
    for frame in range(2):
        names.of_frame(_rows(1, 2, 3, frame=frame))
    assert names.warnings() == [
        "a.mp4: tracks 1 and 3 are both named Anna, but in view together in 2 frames, where only the larger face counts: "
        "give them different names"
    ]


def test_names__rows_about_no_track_are_named(tmp_path: Path):
    names = read_names(_names(tmp_path, "source,track,name\na.mp4,1,Anna\nb.mp4,1,Bert\n,7,Zed\n"))
    names.of_frame(_rows(1, 2))
    assert names.warnings() == [
        "the name Bert (line 3) is not used: b.mp4 has no track 1",
        "the name Zed (line 4) is not used: no video has a track 7",
    ]
    assert names.warnings(not_read=["in/b.mp4"]) == []  # also for any video: it was not read


def test_names__a_second_name_of_a_track_is_told(tmp_path: Path):
    names = read_names(_names(tmp_path, "source,track,name\na.mp4,1,Anna\na.mp4,1,Bert\n"))
    names.of_frame(_rows(1))
    assert names.warnings() == ["the name Bert (line 3) is not used: track 1 is called Anna by an earlier row"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("source;track;name\r\na.mp4;1;Jörg\r\n;;\r\n", "cp1252"),
        ("Source\tTrack\tName\r\na.mp4\t1\tJörg\r\n", "utf-16"),
        ("People of the study,,\r,,\rsource,track,name\ra.mp4,1.0,Jörg\r", "utf-8-sig"),
    ],
)
def test_names__as_spreadsheets_save_them(text: str, encoding: str, tmp_path: Path):
    (tmp_path / "names.csv").write_bytes(text.encode(encoding))
    assert read_names(tmp_path / "names.csv").name_of("talks/a.mp4", 1) == "Jörg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,number,name\na,1,b\n", "lacks the column track or name"),
        ("track,name\none,Anna\n", "line 2: needs the number of a track and a name"),
        ("track,name\n1,Anna\n2,\n", "line 3: needs the number of a track and a name"),
    ],
)
def test_names__errors_name_the_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read_names(_names(tmp_path, text))


def test_names__a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        read_names(tmp_path / "names.csv")
