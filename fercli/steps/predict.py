"""Pictures and videos in, the expression of every face out, frame by frame and in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fercli.core.card import WeightsCard
from fercli.core.stopwatch import Stopwatch
from fercli.errors import DataError
from fercli.media.crop import crop_face
from fercli.media.images import Rgb, read_rgb
from fercli.media.sources import Source
from fercli.media.video import VideoReader
from fercli.progress import Progress, silent
from fercli.results import Face, Prediction
from fercli.store.inference import Classifier

_CHUNK_FRAMES = 16
_CHUNK_PIXELS = 24_000_000  # frames held in memory at once, whatever their number


class Detector(Protocol):
    """What finds faces: `FaceDetector`, or a stand-in."""

    def detect(self, frames: Sequence[Rgb]) -> list[list[Face]]: ...


@dataclass(frozen=True)
class Reading:
    """What was read from one picture or one frame of a video.

    rgb: its pixels; None if it could not be read. predictions: one per face, or one that says why there is none.
    """

    source: Source
    rgb: Rgb | None
    time_s: float | None
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class _Item:
    """A picture or frame on its way, or what is wrong. left: frames to come from its source, None if unknown."""

    source: Source
    rgb: Rgb | None = None
    frame: int | None = None
    time_s: float | None = None
    fault: str | None = None
    left: int | None = 0
    sources_after: int = 0


def predict(
    sources: Sequence[Source],
    classifier: Classifier,
    *,
    detector: Detector,
    watch: Stopwatch | None = None,
    progress: Progress = silent,
) -> Iterator[Reading]:
    """Yield what is read from each picture and frame, in order; detection and classification run in batches.

    A source that cannot be read yields one reading with status `unreadable`, also after the frames of a video that
    breaks off, and the others go on. watch: gets the stages read, detect and classify.
    """
    watch = watch or Stopwatch()
    done = 0
    for chunk in _chunks(_items(sources), watch):
        yield from _read_chunk(chunk, classifier, detector, watch)
        done += len(chunk)
        last = chunk[-1]
        progress(done, None if last.left is None else done + last.left + last.sources_after, last.source.path.name)


def _read_chunk(
    chunk: Sequence[_Item], classifier: Classifier, detector: Detector, watch: Stopwatch
) -> Iterator[Reading]:
    frames = [item.rgb for item in chunk if item.rgb is not None]
    with watch.stage("detect"):
        found = iter(detector.detect(frames) if frames else [])
        faces = [next(found) if item.rgb is not None else [] for item in chunk]
    with watch.stage("classify"):
        probabilities = iter(_classify(chunk, faces, classifier))
    for item, of_item in zip(chunk, faces, strict=True):
        predictions = tuple(
            _prediction(item, number, face, next(probabilities), classifier.card) for number, face in enumerate(of_item)
        )
        yield Reading(item.source, item.rgb, item.time_s, predictions or (_nothing(item),))


def _classify(chunk: Sequence[_Item], faces: Sequence[Sequence[Face]], classifier: Classifier) -> Sequence[np.ndarray]:
    """Probabilities [N] of every face of the chunk, in order."""
    card = classifier.card
    crops = [
        crop_face(item.rgb, face.landmarks, card.crop, card.model.input.size)[0]
        for item, of_item in zip(chunk, faces, strict=True)
        if item.rgb is not None
        for face in of_item
    ]
    return list(classifier.classify(np.stack(crops))) if crops else []


def _prediction(item: _Item, number: int, face: Face, values: np.ndarray, card: WeightsCard) -> Prediction:
    probabilities = {name: float(value) for name, value in zip(card.labels, values, strict=True)}
    label = max(probabilities, key=lambda name: probabilities[name])
    doubtful = probabilities[label] < card.abstain_below
    return Prediction(
        source=str(item.source.path),
        status="uncertain" if doubtful else "ok",
        frame=item.frame,
        time_s=item.time_s,
        face=number,
        found=face,
        label=label,
        probabilities=probabilities,
        detail=f"{probabilities[label]:.0%} is under the model's limit of {card.abstain_below:.0%}"
        if doubtful
        else None,
    )


def _nothing(item: _Item) -> Prediction:
    return Prediction(
        source=str(item.source.path),
        status="no_face" if item.rgb is not None else "unreadable",
        frame=item.frame,
        time_s=item.time_s,
        detail="no face found" if item.rgb is not None else item.fault,
    )


def _items(sources: Sequence[Source]) -> Iterator[_Item]:
    for number, source in enumerate(sources, start=1):
        after = len(sources) - number
        try:
            if source.fault:
                yield _Item(source, fault=source.fault, sources_after=after)
            elif source.kind == "image":
                yield _Item(source, rgb=read_rgb(source.path), sources_after=after)
            else:
                yield from _frames(source, after)
        except DataError as error:
            yield _Item(source, fault=error.message.removeprefix(f"{source.path}: "), sources_after=after)


def _frames(source: Source, after: int) -> Iterator[_Item]:
    with VideoReader(source.path) as video:
        for frame in video:
            left = None if video.frames is None else max(0, video.frames - frame.index - 1)
            yield _Item(source, frame.rgb, frame.index, frame.time_s, left=left, sources_after=after)
        if video.broken:
            yield _Item(source, fault=video.broken, sources_after=after)


def _chunks(items: Iterator[_Item], watch: Stopwatch) -> Iterator[list[_Item]]:
    """As many items as are handled together: few enough to hold in memory."""
    chunk: list[_Item] = []
    pixels = 0
    while True:
        with watch.stage("read"):
            item = next(items, None)
        if item is None:
            break
        chunk.append(item)
        pixels += item.rgb.shape[0] * item.rgb.shape[1] if item.rgb is not None else 0
        if len(chunk) == _CHUNK_FRAMES or pixels >= _CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk
