"""Correct predictions by the baseline of each person; a video is read a second time, when its people at rest are known."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.faces.detector import FaceDetector
from fercli.formatting import clock, pluralize
from fercli.media.feed import Item, feed
from fercli.media.sources import Source, find_sources
from fercli.predict.baseline.correction import neutral_index, resting, subtract_baseline
from fercli.predict.baseline.spans import MIN_FRAMES, Request, Rest, RestingFaces
from fercli.predict.baseline.table import Baselines
from fercli.predict.image_result import ImageResult
from fercli.predict.options import PredictOptions
from fercli.predict.predict import predict
from fercli.predict.status import status_of
from fercli.results import Prediction, Who
from fercli.weights.classifier import Classifier

Note = Callable[[Source, str], None]


@dataclass(frozen=True)
class BaselineCorrection:
    """Corrects single predictions. labels: of the model, neutral among them. The others: when a prediction is unreliable."""

    labels: Sequence[str]
    abstain_below: float
    min_reliable_px: float

    def __post_init__(self) -> None:
        neutral_index(self.labels)

    def apply(self, prediction: Prediction, rest: Rest) -> Prediction:
        """Return the prediction with the resting probabilities subtracted; label and status follow from the new ones."""
        if prediction.detection is None or prediction.probabilities is None:
            return prediction
        values = subtract_baseline(
            self.values(prediction), rest.probabilities, neutral=neutral_index(self.labels)
        ).tolist()
        by_class = dict(zip(self.labels, values, strict=True))
        label = max(by_class, key=lambda name: by_class[name])
        status, detail = status_of(
            prediction.detection,
            by_class[label],
            abstain_below=self.abstain_below,
            min_reliable_px=self.min_reliable_px,
        )
        return replace(
            prediction, status=status, detail=detail, label=label, probabilities=by_class, baseline=rest.source
        )

    def values(self, prediction: Prediction) -> NDArray[np.float64]:
        """Return the probabilities [N] of a prediction, in the order of the labels."""
        probabilities = prediction.probabilities or {}
        return np.array([probabilities[label] for label in self.labels])

    def at_rest(self, prediction: Prediction) -> NDArray[np.float64]:
        """Return the resting probabilities [N] of the person of a neutral picture."""
        return resting(self.values(prediction)[None])


def with_baselines(
    results: Iterable[ImageResult],
    baselines: Baselines,
    correction: BaselineCorrection,
    *,
    neutral: Mapping[Path, Rest],
    on_note: Note,
) -> Iterator[ImageResult]:
    """Yield the results with the baseline of each person subtracted, in the same order.

    neutral: the people at rest of `baselines.neutral_pictures`. on_note: called with a source and a sentence about whoever
    has no baseline. The predictions of a video are kept in a temporary file until it ends, then its frames are decoded again.
    """
    for (_, kind), members in groupby(results, key=lambda result: (result.source.key, result.source.kind)):
        if kind == "video":
            yield from _video(members, baselines, correction, on_note)
            continue
        for result in members:
            yield _picture(result, baselines, correction, neutral, on_note)


def neutral_rests(
    pictures: Sequence[Path],
    classifier: Classifier,
    correction: BaselineCorrection,
    *,
    detector: FaceDetector | None,
    options: PredictOptions,
) -> dict[Path, Rest]:
    """Return the people at rest in these pictures: of each, its largest face. Pictures without a face are left out."""
    sources = find_sources([str(picture) for picture in pictures])
    by_key = {source.key: picture for source, picture in zip(sources, pictures, strict=True)}
    rests = {}
    for result in predict(sources, classifier, detector=detector, options=options):
        if result.faces:
            picture = by_key[result.source.key]
            rests[picture] = Rest(correction.at_rest(result.faces[0]), picture.name, 1)
    return rests


def _picture(
    result: ImageResult,
    baselines: Baselines,
    correction: BaselineCorrection,
    neutral: Mapping[Path, Rest],
    on_note: Note,
) -> ImageResult:
    """Correct the largest face of a picture: whose the others are is unknown."""
    row = baselines.row_of_picture(result.source.name)
    rest = None if row is None or row.neutral is None else neutral.get(row.neutral)
    if row is None or rest is None or not result.faces:
        if result.faces:
            on_note(result.source, "no baseline: the table has no neutral picture with a face for it")
        return result
    first, *others = result.predictions
    if others:
        on_note(result.source, "only the largest face has a baseline")
    return replace(result, predictions=(correction.apply(replace(first, person=row.person), rest), *others))


def _video(
    results: Iterable[ImageResult], baselines: Baselines, correction: BaselineCorrection, on_note: Note
) -> Iterator[ImageResult]:
    resting_faces = RestingFaces()
    tracks: dict[Who, int | None] = {}
    end_s = 0.0
    with tempfile.TemporaryFile() as spool:
        for result in results:
            source, end_s = result.source, result.time_s or 0.0
            for face in filter(is_known, result.faces):
                tracks[face.who] = face.track
                if face.status != "too_small":
                    resting_faces.add(face.who, face.time_s or 0.0, correction.values(face))
            pickle.dump((replace(result, rgb=None), result.rgb is not None), spool)
        requests = baselines.requests(source.name, tracked(tracks))
        rests = resting_faces.rests(requests, neutral=neutral_index(correction.labels))
        without = [who for who in tracked(tracks) if who not in rests]
        if without:
            on_note(source, without_baseline(without, requests, end_s))
        spool.seek(0)
        for result in _read_again(spool, feed([source])):
            yield replace(result, predictions=tuple(_corrected(result.predictions, rests, correction)))


def _corrected(
    predictions: Iterable[Prediction], rests: Mapping[Who, Rest], correction: BaselineCorrection
) -> Iterator[Prediction]:
    for prediction in predictions:
        rest = rests.get(prediction.who) if is_known(prediction) else None
        yield prediction if rest is None else correction.apply(prediction, rest)


def _read_again(spool: Any, items: Iterator[Item]) -> Iterator[ImageResult]:
    """Yield the results of a temporary file, with the pixels of their frames."""
    while True:
        try:
            result, had_pixels = pickle.load(spool)
        except EOFError:
            return
        rgb = next((item.rgb for item in items if item.frame == result.frame), None) if had_pixels else None
        yield replace(result, rgb=rgb)


def without_baseline(people: Sequence[Who], requests: Mapping[Who, Request], end_s: float) -> str:
    """Return the sentence about the people of a video who have no baseline. requests: of all its people. end_s: of the video."""
    reasons: dict[str, list[Who]] = {}
    for who in people:
        reasons.setdefault(
            _reason(requests[who], end_s) if who in requests else "no row of the table is about them", []
        ).append(who)
    parts = []
    for reason, members in reasons.items():
        if members == [None]:
            parts.append(f"no baseline: {reason}")
            continue
        shown = ", ".join(map(str, members[:5])) + (", ..." if len(members) > 5 else "")
        parts.append(f"no baseline for {pluralize(len(members), 'track')} ({shown}): {reason}")
    return "; ".join(parts)


def _reason(request: Request, end_s: float) -> str:
    if request is None:
        return "in view for too short a time to know when they rest"
    if request.start_s >= end_s:
        return f"the span is after the end of the video ({clock(end_s)})"
    return f"less than {MIN_FRAMES} frames of the span show the face"


def is_known(face: Prediction) -> bool:
    """Whether it is known who a face is: that of a track, or without tracking the largest one of a frame."""
    return face.who is not None or face.face == 0


def tracked(people: Mapping[Who, int | None]) -> dict[Who, int | None]:
    """Return the people of a video who have a baseline of their own: if any is tracked, not the others, who may be anybody."""
    named: dict[Who, int | None] = {who: track for who, track in people.items() if who is not None}
    return named or dict(people)
