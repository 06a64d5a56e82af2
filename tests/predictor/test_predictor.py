"""The Python interface: predictions for arrays, files and streams."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fercli
from fercli.config.labels import schema
from fercli.errors import DataError, UsageError
from fercli.media.images import Rgb, write_image
from fercli.media.video_writer import VideoWriter
from fercli.predictor import Predictor
from fercli.results import Face

NAMES = schema("rafdb").names
FACE = Face((10.0, 10.0, 50.0, 60.0), 0.9, ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0)))
BRIGHT, DARK = np.full((80, 90, 3), 99, np.uint8), np.zeros((80, 90, 3), np.uint8)
ROOT = Path(__file__).parents[2]


def test_package__exports_the_predictor():
    assert fercli.Predictor is Predictor
    with pytest.raises(AttributeError, match="nope"):
        fercli.nope  # noqa: B018


def test_image__reads_an_array_and_a_file(predictor: Predictor, tmp_path: Path):
    write_image(tmp_path / "a.png", BRIGHT)
    for picture in (BRIGHT, tmp_path / "a.png", str(tmp_path / "a.png")):
        (face,) = predictor.image(picture).faces
        assert (face.label, face.box_xyxy, face.status) == ("surprise", FACE.box_xyxy, "ok")
        assert face.probability == pytest.approx(0.4)
        assert list(face.probabilities or ()) == list(predictor.labels)
    assert predictor.image(DARK).faces == ()
    assert predictor.image(DARK).predictions[0].status == "no_face"


def test_image__raises_for_what_is_not_one_picture(predictor: Predictor, tmp_path: Path):
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(DataError, match=r"a\.jpg: not a picture"):
        predictor.image(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_text("hello")
    for name in ("*.jpg", "clip.mp4"):
        with pytest.raises(DataError, match="not one picture"):
            predictor.image(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "fix"),
    [
        (np.zeros((4, 4), np.uint8), "np.repeat"),
        (np.zeros((4, 4, 4), np.uint8), "[..., :3]"),
        (np.zeros((4, 4, 3)), "255 * rgb"),
        (np.zeros((0, 4, 3), np.uint8), "size"),
        (np.zeros((2, 4, 4, 3), np.uint8), "images()"),
    ],
    ids=["grey", "alpha", "float", "empty", "several"],
)
def test_image__refuses_other_arrays_and_says_how_to_convert_them(array: np.ndarray, fix: str, predictor: Predictor):
    with pytest.raises(UsageError, match=r"uint8 \[H, W, 3\] in RGB order, not") as caught:
        predictor.image(array)
    assert fix in caught.value.fix


def test_images__continues_after_a_file_that_cannot_be_decoded(predictor: Predictor, tmp_path: Path):
    write_image(tmp_path / "in" / "a.png", BRIGHT)
    write_image(tmp_path / "in" / "b.png", DARK)
    results = list(predictor.images([BRIGHT, tmp_path / "nope.jpg", tmp_path / "in"]))
    assert [len(result.faces) for result in results] == [1, 0, 1, 0]
    assert [result.fault for result in results] == [None, "no such file or folder", None, None]
    assert [result.source.relative.name for result in results] == ["picture-0", "nope.jpg", "a.png", "b.png"]


def test_images__takes_a_single_name(predictor: Predictor, tmp_path: Path):
    write_image(tmp_path / "a.png", BRIGHT)
    for one in (tmp_path, str(tmp_path / "a.png")):
        assert [result.source.relative.name for result in predictor.images(one)] == ["a.png"]


def test_images__consumes_few_pictures_ahead(predictor: Predictor):
    consumed: list[int] = []

    def pictures() -> Iterator[Rgb]:
        for number in range(1000):
            consumed.append(number)
            yield BRIGHT

    results = predictor.images(pictures())
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(consumed) <= 48


def test_video__predicts_frames_with_times_and_tracks_people(predictor: Predictor):
    noise = np.random.default_rng(0).integers(40, 255, (80, 90, 3), dtype=np.uint8)
    pairs = [(0.0, noise), (0.1, noise), (0.5, DARK), (0.6, noise)]
    results = list(predictor.video(pairs, smooth_s=0.5))
    assert [(result.frame, result.time_s, len(result.faces)) for result in results] == [
        (0, 0.0, 1),
        (1, 0.1, 1),
        (2, 0.5, 0),
        (3, 0.6, 1),
    ]
    assert {(face.track, face.smoothing_s) for result in results for face in result.faces} == {(1, 0.5)}
    assert [result.time_s for result in predictor.video([noise] * 3, fps=25)] == [0, 0.04, 0.08]
    with pytest.raises(UsageError, match="no times"):
        list(predictor.video([noise]))


def test_boxes__replace_the_detector(predictor: Predictor, tmp_path: Path):
    (face,) = predictor.image(DARK, boxes=[[10, 10, 50, 60]]).faces  # in which the detector finds nothing
    assert (face.label, face.box_xyxy, face.detection.score) == (NAMES[0], (10, 10, 50, 60), None)
    assert predictor.image(BRIGHT, boxes=[]).faces == ()
    (face,) = predictor.image(DARK, boxes=[FACE.landmarks]).faces
    assert face.detection.landmarks == FACE.landmarks
    results = list(predictor.images([DARK, BRIGHT], boxes=[[[10, 10, 50, 60]], np.zeros((0, 4))]))
    assert [len(result.faces) for result in results] == [1, 0]
    results = list(predictor.video([DARK] * 3, fps=10, boxes={1: [[10, 10, 50, 60]]}))
    assert [(result.frame, len(result.faces)) for result in results] == [(0, 0), (1, 1), (2, 0)]
    write_image(tmp_path / "a.png", DARK)
    (tmp_path / "boxes.csv").write_text("source,left,top,right,bottom\na.png,10,10,50,60\n")
    assert len(predictor.image(tmp_path / "a.png", boxes=tmp_path / "boxes.csv").faces) == 1
    (face,) = predictor.image(DARK, crops=True).faces
    assert face.box_xyxy == (0, 0, 90, 80)


def test_boxes__of_a_video_may_come_from_a_file(predictor: Predictor, tmp_path: Path):
    with VideoWriter(tmp_path / "a.mp4") as writer:
        for number in range(4):
            writer.write(DARK, number / 10)
    (tmp_path / "boxes.csv").write_text("source,frame,left,top,right,bottom\na.mp4,2,10,10,50,60\n")
    results = list(predictor.video(tmp_path / "a.mp4", boxes=tmp_path / "boxes.csv", start_s=0.1))
    assert [(result.frame, len(result.faces)) for result in results] == [(1, 0), (2, 1), (3, 0)]
    (tmp_path / "boxes.csv").write_text("source,frame,left,top,right,bottom\nb.mp4,2,10,10,50,60\n")
    with pytest.raises(DataError, match=r"line 2: b\.mp4 is not among the sources"):
        predictor.video(tmp_path / "a.mp4", boxes=tmp_path / "boxes.csv")


@pytest.mark.parametrize("boxes", [[[1, 2, 3]], [[5, 5, 5, 9]], [[1, 2, float("nan"), 9]], [[[3.0, 3.0]] * 5]])
def test_boxes__of_another_shape_are_refused(boxes: list[list[float]], predictor: Predictor):
    with pytest.raises(UsageError, match=r"boxes: .*(neither boxes|no extent)"):
        predictor.image(DARK, boxes=boxes)


def test_boxes__need_one_array_for_each_picture(predictor: Predictor):
    with pytest.raises(UsageError, match="one array for each picture"):
        list(predictor.images([DARK, DARK], boxes=[[[10, 10, 50, 60]]]))
    with pytest.raises(DataError, match="boxes, face 0: the face is outside of the 90 x 80 pixels"):
        predictor.image(DARK, boxes=[[100, 10, 150, 60]])


def test_video__reads_a_part(predictor: Predictor, tmp_path: Path):
    with VideoWriter(tmp_path / "a.mp4") as writer:
        for number in range(20):
            writer.write(BRIGHT, number / 10)
    results = predictor.video(tmp_path / "a.mp4", fps=2, start_s=0.5, end_s=1.6)
    assert [(result.frame, result.time_s) for result in results] == [(5, 0.5), (10, 1.0), (15, 1.5)]
    timed = [(number / 10, BRIGHT) for number in range(20)]
    assert [result.frame for result in predictor.video(timed, fps=2, start_s=0.5, end_s=1.6)] == [5, 10, 15]
    untimed = predictor.video([BRIGHT] * 20, fps=10, start_s=0.5, end_s=0.8)  # fps is their rate
    assert [(result.frame, result.time_s) for result in untimed] == [(5, 0.5), (6, 0.6), (7, 0.7)]
    with pytest.raises(UsageError, match="end is 1 s: must be after the start at 2 s"):
        predictor.video(tmp_path / "a.mp4", start_s=2, end_s=1)


def test_video__reports_frames_that_cannot_be_decoded(
    predictor: Predictor, tmp_path: Path, damaged_clip: Callable[..., Path]
):
    results = list(predictor.video(damaged_clip(tmp_path / "a.mp4", broken=(3,)), detect_every=2))
    assert len(results) == 40
    assert [result.frame for result in results if result.fault] == [3]
    assert {face.detected for result in results for face in result.faces} == {True, False}


def test_video__raises_for_other_files(predictor: Predictor, tmp_path: Path):
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(DataError, match="not a video"):
        list(predictor.video(tmp_path / "a.mp4"))
    with pytest.raises(DataError, match="no such file"):
        predictor.video("nope.mp4")


def test_crops__checks_their_size(predictor: Predictor):
    assert predictor.crops(np.zeros((2, 48, 48, 3), np.uint8)).shape == (2, 7)
    with pytest.raises(UsageError, match=r"\[B, 48, 48, 3\]"):
        predictor.crops(np.zeros((2, 64, 64, 3), np.uint8))


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import__of_the_package_does_no_work():
    loaded = _run("import sys, fercli; print(*(name.partition('.')[0] for name in sys.modules))").split()
    assert {"torch", "numpy", "cv2", "PIL", "av", "onnxruntime", "typer"} & set(loaded) == set()


@pytest.mark.slow
def test_predictor__reads_a_face_without_torch():
    code = """
import sys
for name in ("torch", "torchvision", "facenet_pytorch"):
    sys.modules[name] = None  # an import of it fails
from fercli import Predictor
(face,) = Predictor(device="cpu").image("docs/images/astronaut.jpg").faces
print(face.label, sum(face.probabilities.values()))
"""
    label, total = _run(code).split()
    assert label == "happiness"
    assert float(total) == pytest.approx(1)


def _encoded(suffix: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(BRIGHT).save(buffer, suffix)
    return buffer.getvalue()


def _rotated() -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(np.rot90(BRIGHT)))
    picture.getexif()[0x0112] = 6  # a quarter turn clockwise makes it upright
    return picture


@pytest.mark.parametrize(
    "make",
    [
        lambda: Image.fromarray(BRIGHT),
        lambda: Image.fromarray(BRIGHT).convert("RGBA"),
        lambda: Image.fromarray(BRIGHT).convert("L"),
        _rotated,
        _encoded,
        lambda: bytearray(_encoded("JPEG")),
        lambda: memoryview(_encoded()),
        lambda: io.BytesIO(_encoded("WEBP")),
    ],
    ids=["PIL", "RGBA", "grey", "EXIF", "bytes", "bytearray", "memoryview", "file"],
)
def test_image__takes_pictures_and_encoded_bytes(make: Callable[[], Any], predictor: Predictor):
    result = predictor.image(make())
    assert result.rgb is not None
    assert result.rgb.shape == BRIGHT.shape
    assert [face.label for face in result.faces] == ["surprise"]
    assert [len(one.faces) for one in predictor.images([make(), BRIGHT])] == [1, 1]
    assert [len(one.faces) for one in predictor.images(make())] == [1]


def test_image__reports_bytes_that_are_no_picture(predictor: Predictor):
    with pytest.raises(DataError, match="picture-0: not a picture"):
        predictor.image(b"hello")
    assert [result.fault for result in predictor.images([b"hello", BRIGHT])] == ["not a picture", None]
    with pytest.raises(UsageError, match="opened as text"):
        predictor.image(io.StringIO("hello"))


def test_images__takes_one_array_and_a_batch(predictor: Predictor):
    assert len(list(predictor.images(BRIGHT))) == 1
    assert len(list(predictor.images(np.stack([BRIGHT, DARK])))) == 2
    with pytest.raises(UsageError, match="not NoneType"):
        predictor.images(None)  # type: ignore[arg-type]


def test_video__takes_pil_pictures_and_lists_of_pairs(predictor: Predictor):
    frames = [[0.0, Image.fromarray(BRIGHT)], [0.1, BRIGHT]]
    assert [result.time_s for result in predictor.video(frames)] == [0.0, 0.1]
    assert len(list(predictor.video(np.stack([BRIGHT, DARK]), fps=25))) == 2


def test_crops__refuses_a_list(predictor: Predictor):
    with pytest.raises(UsageError, match=r"\[B, 48, 48, 3\] in RGB order, not list"):
        predictor.crops([np.zeros((48, 48, 3), np.uint8)])  # type: ignore[arg-type]


def test_image_result__gives_plain_values_json_and_a_frame(predictor: Predictor):
    pytest.importorskip("pandas")
    result = predictor.image(np.full((80, 90, 3), 99, np.uint8))
    record = json.loads(result.to_json())
    assert record == result.to_dict()
    assert [row["label"] for row in record["predictions"]] == ["surprise"]
    assert "rgb" not in record
    frame = result.to_frame(library="pandas")
    assert (len(frame), frame["label"][0], frame["probability"][0]) == (1, "surprise", pytest.approx(0.4))


def test_image_result__is_picklable(predictor: Predictor):
    result = predictor.image(np.full((80, 90, 3), 99, np.uint8))
    copy = pickle.loads(pickle.dumps(result))
    assert copy.to_dict() == result.to_dict()
    np.testing.assert_array_equal(copy.rgb, result.rgb)


def test_predictor__is_pickled_by_its_settings_and_loads_its_networks_again(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
):
    stored = pickle.dumps(predictor)
    assert len(stored) < 2000
    loaded, fake = [], predictor._classifier
    monkeypatch.setattr("fercli.predictor.load_classifier", lambda *_, **__: loaded.append(1) or fake)
    copy = pickle.loads(stored)
    assert loaded == [1]
    assert copy.image(np.full((80, 90, 3), 99, np.uint8)).faces[0].label == "surprise"


def test_predictor__serves_several_threads(predictor: Predictor):
    pictures = [np.full((80, 90 + number, 3), 99, np.uint8) for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(predictor.image, pictures))
    assert [result.rgb.shape[1] for result in results] == [90 + number for number in range(8)]
    assert [len(result.faces) for result in results] == [1] * 8
