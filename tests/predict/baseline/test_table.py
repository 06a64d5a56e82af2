"""The table of --baseline."""

from pathlib import Path

import pytest

from fercli.errors import DataError, UsageError
from fercli.media.sources import find_sources
from fercli.predict.baseline.spans import Span
from fercli.predict.baseline.table import read_baselines

TRACKS = {1: 1, "Anna": 2}


def _table(tmp_path: Path, text: str) -> str:
    path = tmp_path / "rest.csv"
    path.write_text(text)
    return str(path)


def test_span__is_for_everybody():
    assert read_baselines("0:00-0:10").requests("a.mp4", TRACKS) == {1: Span(0, 10), "Anna": Span(0, 10)}
    assert read_baselines("auto").requests("a.mp4", TRACKS) == {1: None, "Anna": None}


def test_table__has_spans_by_track_and_by_name(tmp_path: Path):
    table = read_baselines(_table(tmp_path, "source,person,span\na.mp4,1,0:00-0:05\n*.mp4,Anna,auto\nb.mp4,,3-4\n"))
    assert table.requests("talks/a.mp4", TRACKS) == {1: Span(0, 5), "Anna": None}
    assert table.requests("talks/b.mp4", TRACKS) == {1: Span(3, 4), "Anna": Span(3, 4)}
    # a track that has a name can be meant by its number as well
    assert read_baselines(_table(tmp_path, "person,span\n2,1-2\n")).requests("a.mp4", TRACKS) == {"Anna": Span(1, 2)}


@pytest.mark.parametrize(
    ("picture", "found"),
    [("anna/smile.jpg", True), ("anna.jpg", True), ("anna_2.jpg", True), ("annabel.jpg", False), ("bert.jpg", False)],
)
def test_table__neutral_pictures_belong_to_people_by_folder_or_file_name(tmp_path: Path, picture: str, found: bool):
    (tmp_path / "rest.jpg").touch()
    table = read_baselines(_table(tmp_path, "person,neutral\nanna,rest.jpg\n"))
    row = table.row_of_picture(picture)
    assert (row is not None) == found
    assert table.neutral_pictures == [tmp_path / "rest.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("who,when\nanna,1-2\n", "the columns are who, when"),
        ("person\nanna\n", "the columns are person"),
        ("person,span\nanna,\n", "line 2: needs either"),
        ("person,span\nanna,1-2\nbert,soon\n", "line 3: soon is not a span"),
        ("person,neutral\nanna,none.jpg\n", "line 2: none.jpg: no such file"),
        ("person,neutral\n,rest.csv\n", "line 2: whose neutral picture"),
        ("person,span\n1,0-2\n1,1-3\n", "line 3: a second row for 1 of every file"),
        ("person,span\n", "no row"),
    ],
)
def test_table__errors_name_the_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read_baselines(_table(tmp_path, text))


def test_check__refuses_cameras_and_a_span_for_pictures_alone(tmp_path: Path):
    (tmp_path / "a.png").touch()
    with pytest.raises(UsageError, match="pictures have no time"):
        read_baselines("0:00-0:10").check(find_sources([str(tmp_path / "a.png")]))
    with pytest.raises(DataError, match=r"line 2: no file b\.png"):
        read_baselines(_table(tmp_path, "source,neutral\nb.png,rest.csv\n")).check(
            find_sources([str(tmp_path / "a.png")])
        )
    with pytest.raises(UsageError, match="needs files"):
        read_baselines("auto").check(find_sources(["0"]))
