"""Names of tracks."""

from pathlib import Path

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.media.sources import find_sources
from fercli.predict.image_result import ImageResult
from fercli.predict.names import read_names, with_names
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


def test_names__tracks_with_one_name_are_one_person(tmp_path: Path):
    names = read_names(_names(tmp_path, "track,name\n1,Anna\n3,Anna\n"))
    (source,) = find_sources([str(tmp_path / "a.mp4")])
    face = Face((0.0, 0.0, 9.0, 9.0), 0.9, None)
    rows = [
        Prediction("a.mp4", "ok", 0, 0.0, 0, face, "neutral", {"neutral": 0.6, "anger": 0.4}, track=track)
        for track in (1, 2, 3)
    ]
    (result,) = with_names([ImageResult(source, np.zeros((9, 9, 3), np.uint8), 0.0, tuple(rows), 0)], names)
    assert [prediction.who for prediction in result.predictions] == ["Anna", 2, "Anna"]
    assert [prediction.track for prediction in result.predictions] == [1, 2, 3]


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
