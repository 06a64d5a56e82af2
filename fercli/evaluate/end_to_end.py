"""Raw labelled pictures in, how often detection, crop and model together name the right class out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.config.detect import DetectConfig
from fercli.data.crops import read_picture
from fercli.data.dataset import Dataset, Sample, paper_order
from fercli.errors import DataError
from fercli.evaluate.answers import class_name
from fercli.evaluate.metrics import confusion, wilson_interval
from fercli.evaluate.results import EndToEnd, score_of
from fercli.faces.crop import crop_face
from fercli.faces.detector import FaceDetector
from fercli.faces.main_face import main_face
from fercli.media.images import Rgb
from fercli.progress import Progress
from fercli.results import Box, Face
from fercli.weights.classifier import Classifier

_CHUNK = 64  # pictures held in memory together
_CHUNK_PIXELS = 24_000_000
_SAME_FACE = 0.3  # overlap of a found box with the labelled one from which they are the same face


@dataclass(frozen=True)
class RawAnswer:
    """What became of one picture: the class that was named, or why none was."""

    sample: Sample
    label: str
    status: str  # ok, no_face, unreadable
    answer: str | None
    probability: float | None
    faces: int


def read_raw(
    classifier: Classifier, dataset: Dataset, samples: Sequence[Sample], detector: FaceDetector, *, progress: Progress
) -> tuple[RawAnswer, ...]:
    """Take one face of each picture as `fer predict` would: same detector, same crop, same model.

    It is the main face, or where the data set says in which box the labelled one lies, the one found there.
    """
    card = classifier.card
    answers: list[RawAnswer] = []
    for chunk in _chunks(samples):
        readable = [(sample, rgb) for sample, rgb in chunk if rgb is not None]
        faces = detector.detect([rgb for _, rgb in readable], min_face_px=DetectConfig.min_face_px) if readable else []
        chosen = [_labelled_face(sample, found) for (sample, _), found in zip(readable, faces, strict=True)]
        crops = [
            crop_face(rgb, face.landmarks, card.crop, card.model.input.size)[0]
            for (_, rgb), face in zip(readable, chosen, strict=True)
            if face is not None
        ]
        rows: Iterator[NDArray[np.float32]] = iter(classifier.classify(np.stack(crops)) if crops else ())
        faces_and_counts = iter([(face, len(found)) for face, found in zip(chosen, faces, strict=True)])
        for sample, rgb in chunk:
            label = class_name(dataset, sample)
            face, count = next(faces_and_counts) if rgb is not None else (None, 0)
            if face is None:
                answers.append(RawAnswer(sample, label, "unreadable" if rgb is None else "no_face", None, None, count))
                continue
            row = next(rows)
            best = int(row.argmax())
            answers.append(RawAnswer(sample, label, "ok", card.labels[best], float(row[best]), count))
        progress(len(answers), len(samples), "end to end")
    return tuple(answers)


def end_to_end_score(classifier: Classifier, name: str, answers: Sequence[RawAnswer], *, detector: str) -> EndToEnd:
    """Score pictures without an answer as errors, and those with one apart."""
    labels = paper_order(set(classifier.card.labels))
    read = [answer for answer in answers if answer.answer is not None]
    right = sum(answer.answer == answer.label for answer in read)
    truth = [labels.index(answer.label) for answer in read]
    guess = [labels.index(answer.answer or "") for answer in read]
    totals = {label: sum(answer.label == label for answer in answers) for label in labels}
    shares = [
        sum(answer.answer == label == answer.label for answer in answers) / total
        for label, total in totals.items()
        if total
    ]
    return EndToEnd(
        data=name,
        n=len(answers),
        found=len(read),
        missed=sum(answer.status == "no_face" for answer in answers),
        unreadable=sum(answer.status == "unreadable" for answer in answers),
        overall=right / len(answers),
        overall_interval=wilson_interval(right, len(answers)),
        mean_class=sum(shares) / len(shares),
        found_score=score_of(confusion(truth, guess, len(labels))) if read else None,
        detector=detector,
    )


def _labelled_face(sample: Sample, faces: Sequence[Face]) -> Face | None:
    if sample.box_xyxy is None:
        return main_face(faces)
    shares = [_overlap(sample.box_xyxy, face.box_xyxy) for face in faces]
    best = max(shares, default=0.0)
    return faces[shares.index(best)] if best >= _SAME_FACE else None


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def _chunks(samples: Sequence[Sample]) -> Iterator[list[tuple[Sample, Rgb | None]]]:
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
