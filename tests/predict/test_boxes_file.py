"""The file of --boxes: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.config.labels import schema
from fercli.errors import DataError
from fercli.media.sources import Source, find_sources
from fercli.predict.boxes_file import read_boxes
from fercli.results import Face, Prediction
from fercli.rows.formats import open_table
from fercli.rows.records import LANDMARK_COLUMNS

HEAD = "source,frame,box_left,box_top,box_right,box_bottom\n"
POINTS = ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0))
CLIP = Source(Path("clip.mp4"), "video", Path("clip.mp4"))


def _picture(name: str, relative: str | None = None) -> Source:
    return Source(Path(name), "image", Path(relative or Path(name).name))


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "boxes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_boxes_file__has_faces_by_source_and_frame(tmp_path: Path):
    text = HEAD + "a.png,,1,2,30,40\nclip.mp4,7,5,6,70,80.5\na.png,,3,4,50,60\nclip.mp4,8,,,,\n\nclip.mp4,9.0,1,1,2,2\n"
    given = read_boxes(_file(tmp_path, text))
    assert [face for face, _ in given.faces(_picture("a.png"), None)] == [
        Face((1, 2, 30, 40), None, None),
        Face((3, 4, 50, 60), None, None),
    ]
    assert given.faces(CLIP, 7) == [(Face((5, 6, 70, 80.5), None, None), f"{tmp_path / 'boxes.csv'}, line 3")]
    assert given.faces(CLIP, 8) == []
    assert len(given.faces(CLIP, 9)) == 1  # pandas writes whole numbers so
    assert given.faces(_picture("b.png"), None) == []


def test_boxes_file__may_have_short_names_a_mark_and_other_columns(tmp_path: Path):
    text = "\ufeffsource,name,right,left,bottom,top,detection_score\na.png,Ann,30,1,40,2,0.75\n"
    ((face, _),) = read_boxes(_file(tmp_path, text)).faces(_picture("a.png"), None)
    assert face == Face((1, 2, 30, 40), 0.75, None)


def test_boxes_file__derives_the_box_from_landmarks(tmp_path: Path):
    numbers = ",".join(str(value) for point in POINTS for value in point)
    text = f"source,{','.join(LANDMARK_COLUMNS)}\na.png,{numbers}\n"
    ((face, _),) = read_boxes(_file(tmp_path, text)).faces(_picture("a.png"), None)
    assert face.landmarks == POINTS
    left, top, right, bottom = face.box_xyxy
    assert right - left == pytest.approx(bottom - top)
    assert left < 20 < 40 < right
    assert top < 25 < 48 < bottom


def test_boxes_file__may_be_a_table_of_predictions(tmp_path: Path):
    names = schema("rafdb").names
    even = dict.fromkeys(names, 1 / 7)
    face = Face((10.0, 10.5, 50.0, 60.25), 0.93, POINTS)
    with open_table(tmp_path / "a.csv", names) as table:
        table.add([Prediction("a.png", "ok", face=0, detection=face, label=names[0], probabilities=even)])
        table.add([Prediction("b.png", "no_face", detail="no face detected")])
        table.add([Prediction("clip.mp4", "decode_error", frame=3, time_s=0.1, detail="the frame cannot be decoded")])
        table.add([Prediction("clip.mp4", "unreadable", detail="cut off after 0.5 s")])
    given = read_boxes(tmp_path / "a.csv")
    given.check([_picture("a.png"), _picture("b.png"), CLIP])
    assert [one for one, _ in given.faces(_picture("a.png"), None)] == [face]
    assert given.faces(_picture("b.png"), None) == given.faces(CLIP, 3) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks columns, has none"),
        ("source;left;top\n", "lacks columns, has source;left;top"),
        ("source,left,top,right\na,1,2,3\n", "lacks columns"),
        ("left,top,right,bottom\n1,2,3,4\n", "lacks columns"),
        (HEAD + "a.png,,1,2,3,4\na.png,,1,2,3\n", "line 3: 5 cells, but 6 columns"),
        (HEAD + ",,1,2,3,4\n", "line 2: source is empty"),
        (HEAD + "a.png,,1,x,3,4\n", "line 2: box_top is 'x', not a number"),
        (HEAD + "a.png,,1,nan,3,4\n", "line 2: box_top is 'nan', not a number"),
        (HEAD + "a.png,,1,,3,4\n", "line 2: box_top is empty"),
        (HEAD + "a.png,-1,1,2,3,4\n", "line 2: frame -1 does not exist"),
        (HEAD + "a.png,1.5,1,2,3,4\n", "line 2: frame 1.5 does not exist"),
        (HEAD + "a.png,,3,2,3,4\n", "line 2: the box has no extent from left to right, 3 to 3"),
        (HEAD + "a.png,,1,9,3,4\n", "line 2: the box has no extent from top to bottom, 9 to 4"),
        (f"source,{','.join(LANDMARK_COLUMNS)}\na,{','.join(['5', '6'] * 5)}\n", "line 2: the landmarks coincide"),
        (HEAD + '"a.png,,1,2,3,4\n', "line 2: unexpected end of data"),
    ],
)
def test_boxes_file__refuses_malformed_rows_with_their_line(text: str, message: str, tmp_path: Path):
    with pytest.raises(DataError) as caught:
        read_boxes(_file(tmp_path, text))
    assert message in caught.value.message


def test_boxes_file__refuses_a_file_that_is_missing(tmp_path: Path):
    with pytest.raises(DataError, match=r"no\.csv: no such file or directory"):
        read_boxes(tmp_path / "no.csv")


def test_given_faces__finds_a_source_by_name_by_path_and_below_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png", "c.png", "d.png"):
        (folder / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path / "photos")
    names = ("deep/a.png", str(folder / "b.png"), "photos/deep/c.png", "d.png")  # cwd, absolute, beside the file, below
    given = read_boxes(_file(tmp_path, HEAD + "".join(f"{name},,1,2,30,40\n" for name in names)))
    sources = find_sources(["deep"])
    given.check(sources)
    assert [len(given.faces(source, None)) for source in sources] == [1, 1, 1, 1]


def test_given_faces__refuse_sources_that_are_unknown_ambiguous_or_of_another_kind(tmp_path: Path):
    one, two = _picture("x/a.png", "a.png"), _picture("y/a.png", "a.png")
    for rows, sources, message in (
        ("a.png,,1,2,3,4\nb.png,,1,2,3,4\n", [one], "line 3: b.png is not among the sources"),
        ("a.png,,1,2,3,4\n", [one, two], "line 2: a.png is both x/a.png and y/a.png"),
        ("a.png,0,1,2,3,4\n", [one], "line 2: a.png is a picture, without frames"),
        ("clip.mp4,,1,2,3,4\n", [CLIP], "line 2: a face of the video clip.mp4 without a frame"),
    ):
        with pytest.raises(DataError) as caught:
            read_boxes(_file(tmp_path, HEAD + rows)).check(sources)
        assert message in caught.value.message
    still, moving = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    Image.fromarray(still).save(tmp_path / "a.webp", save_all=True, append_images=[Image.fromarray(moving)])
    animated = Source(tmp_path / "a.webp", "image", Path("a.webp"))  # a picture until it is read, with frames
    read_boxes(_file(tmp_path, HEAD + "a.webp,1,1,2,3,4\n")).check([animated])
    read_boxes(_file(tmp_path, HEAD + "x/a.png,,1,2,3,4\n")).check(
        [one, one, two]
    )  # the same name twice is one picture
