"""Accuracy of detection, crop and model together on raw labelled pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fercli.config.detect import DetectConfig
from fercli.data.crops import read_picture
from fercli.data.dataset import Dataset, Sample, paper_order
from fercli.errors import DataError
from fercli.evaluate.dataset_predictions import class_name
from fercli.evaluate.metrics import confusion, mean_class_accuracy, overall_accuracy, wilson_interval
from fercli.evaluate.results import EndToEnd
from fercli.evaluate.scores import score_matrix
from fercli.faces.crop import crop_face, landmarks_of
from fercli.faces.detector import FaceDetector
from fercli.faces.main_face import main_face
from fercli.media.images import Rgb
from fercli.progress import Progress
from fercli.results import Box, Face
from fercli.weights.classifier import Classifier

_CHUNK = 64  # pictures held in memory together
_CHUNK_PIXELS = 24_000_000
_SAME_FACE = 0.3  # intersection over union of a detected box with the labelled one from which they are the same face


@dataclass(frozen=True)
class PicturePrediction:
    """The prediction for one picture: the class with its probability, both None without a classified face.

    truth: the picture's label. faces: how many were detected.
    """

    sample: Sample
    truth: str
    status: Literal["ok", "no_face", "unreadable"]
    label: str | None
    probability: float | None
    faces: int


def predict_pictures(
    classifier: Classifier,
    dataset: Dataset,
    samples: Sequence[Sample],
    detector: FaceDetector,
    *,
    progress: Progress,
) -> tuple[PicturePrediction, ...]:
    """Classify one face of each picture as `fer predict` would: same detector, same crop, same model.

    It is the main face, or where the data set states the box of the labelled face, the one detected there.
    """
    card = classifier.card
    predictions: list[PicturePrediction] = []
    for chunk in _chunks(samples):
        readable = [(sample, rgb) for sample, rgb in chunk if rgb is not None]
        detected = (
            detector.detect([rgb for _, rgb in readable], min_face_px=DetectConfig.min_face_px) if readable else []
        )
        chosen = [_labelled_face(sample, faces) for (sample, _), faces in zip(readable, detected, strict=True)]
        crops = [
            crop_face(rgb, landmarks_of(face), card.crop, card.model.input.size)[0]
            for (_, rgb), face in zip(readable, chosen, strict=True)
            if face is not None
        ]
        rows: Iterator[NDArray[np.float32]] = iter(classifier.classify(np.stack(crops)) if crops else ())
        faces_and_counts = iter([(face, len(faces)) for face, faces in zip(chosen, detected, strict=True)])
        for sample, rgb in chunk:
            truth = class_name(dataset, sample)
            face, count = next(faces_and_counts) if rgb is not None else (None, 0)
            if face is None:
                status: Literal["unreadable", "no_face"] = "unreadable" if rgb is None else "no_face"
                predictions.append(PicturePrediction(sample, truth, status, None, None, count))
                continue
            row = next(rows)
            best = int(row.argmax())
            predictions.append(PicturePrediction(sample, truth, "ok", card.labels[best], float(row[best]), count))
        progress(len(predictions), len(samples), "end to end")
    return tuple(predictions)


def score_pictures(
    classifier: Classifier, name: str, pictures: Sequence[PicturePrediction], *, detector: str
) -> EndToEnd:
    """Score all pictures, those without a classified face as errors, and those with one on their own."""
    labels = paper_order(set(classifier.card.labels))
    none = len(labels)  # one more class, for pictures without a prediction
    truth = [labels.index(picture.truth) for picture in pictures]
    predicted = [none if picture.label is None else labels.index(picture.label) for picture in pictures]
    matrix = confusion(truth, predicted, none + 1)
    scored = matrix[:none, :none]
    images, detected = len(pictures), int(scored.sum())
    return EndToEnd(
        data=name,
        images=images,
        detected=detected,
        without_face=sum(picture.status == "no_face" for picture in pictures),
        unreadable=sum(picture.status == "unreadable" for picture in pictures),
        accuracy=overall_accuracy(matrix),
        accuracy_interval=wilson_interval(int(np.trace(matrix)), images),
        mean_accuracy=mean_class_accuracy(matrix),
        detected_score=score_matrix(scored, split=pictures[0].sample.split, labels=labels) if detected else None,
        detector=detector,
    )


def _labelled_face(sample: Sample, faces: Sequence[Face]) -> Face | None:
    if sample.box_xyxy is None:
        return main_face(faces)
    overlaps = [_intersection_over_union(sample.box_xyxy, face.box_xyxy) for face in faces]
    best = max(overlaps, default=0.0)
    return faces[overlaps.index(best)] if best >= _SAME_FACE else None


def _intersection_over_union(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def _chunks(samples: Sequence[Sample]) -> Iterator[list[tuple[Sample, Rgb | None]]]:
    """Read pictures into chunks that are limited by their number and by their pixels; None for an unreadable one."""
    chunk: list[tuple[Sample, Rgb | None]] = []
    pixels = 0
    for sample in samples:
        try:
            rgb: Rgb | None = read_picture(sample)
        except DataError:
            rgb = None
        chunk.append((sample, rgb))
        pixels += rgb.shape[0] * rgb.shape[1] if rgb is not None else 0
        if len(chunk) == _CHUNK or pixels >= _CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk
