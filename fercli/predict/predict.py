"""Pictures and videos in, the expression of every face out, frame by frame and in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Event

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError
from fercli.faces.appearance import appearance_vectors
from fercli.faces.crop import crop_face
from fercli.faces.detector import FaceDetector
from fercli.faces.search import FaceSearch, Seen
from fercli.faces.tracks import Tracker
from fercli.media.feed import Item, feed, in_chunks
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.predict.smoothing import Smoother
from fercli.progress import Progress, silent
from fercli.results import Face, Prediction, Status
from fercli.system.prefetch import prefetched
from fercli.system.stopwatch import Stopwatch
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import Classifier

MIN_FACE_SCORE = 0.9  # of the detector: what it is less sure of is seldom a face, as docs/predict.md shows
MIN_READ_PX = 20  # a face with a smaller side is read, but not to be believed: docs/predict.md has the measurement


@dataclass(frozen=True)
class VideoOptions:
    """How the faces of a video are followed.

    follow: number the people. smooth_s: time constant of the average of the probabilities along a track, 0 for none.
    detect_every: search every n-th frame, and carry the faces over the frames between by optical flow.
    """

    follow: bool = True
    smooth_s: float = 0.0
    detect_every: int = 1

    def __post_init__(self) -> None:
        if self.smooth_s < 0 or self.detect_every < 1:
            raise UsageError(
                f"smoothing over {self.smooth_s} s, a search every {self.detect_every} frames: makes no sense",
                fix="--smooth 0.5 --detect-every 1",
            )
        if self.smooth_s and not self.follow:
            raise UsageError("smoothing follows people, and following is off", fix="leave out one of the two options")


@dataclass(frozen=True)
class Reading:
    """What was read from one picture or one frame of a video.

    rgb: its pixels; None if it could not be read. frame, time_s: number and presentation time of a frame, None for a
    picture. predictions: one per face, largest first, or one that says why there is none.
    """

    source: Source
    rgb: Rgb | None
    time_s: float | None
    predictions: tuple[Prediction, ...]
    frame: int | None = None

    @property
    def faces(self) -> tuple[Prediction, ...]:
        """Those of the predictions that are about a face: none if there was none."""
        return tuple(prediction for prediction in self.predictions if prediction.found is not None)

    @property
    def fault(self) -> str | None:
        """Why it could not be read, None if it was."""
        return self.predictions[0].detail if self.rgb is None else None


class _Tracking:
    """Who is who in the video at hand."""

    def __init__(self, source: Source, smooth_s: float) -> None:
        self.source, self.tracker = source, Tracker()
        self.smoother = Smoother(smooth_s) if smooth_s else None


def predict(
    sources: Sequence[Source],
    classifier: Classifier,
    *,
    detector: FaceDetector,
    min_face_px: int | None = None,
    min_read_px: float = MIN_READ_PX,
    video: VideoOptions = VideoOptions(),
    watch: Stopwatch | None = None,
    progress: Progress = silent,
    stop: Event | None = None,
) -> Iterator[Reading]:
    """Yield what is read from each picture and frame, in order; detection and classification run in batches.

    A source that cannot be read yields one reading with status `unreadable`, also after the frames of a video that
    breaks off, and the others go on. min_face_px: smallest face to look for; None is `DetectConfig`'s
    for pictures and for videos. min_read_px: a smaller face is read, but `too_small`. watch: gets the stages decode,
    detect, align, classify and follow; decoding goes on in the background. stop: ends cameras and streams when set.
    """
    items = feed(sources, stop=stop)
    return read(
        items,
        classifier,
        detector=detector,
        min_face_px=min_face_px,
        min_read_px=min_read_px,
        video=video,
        watch=watch,
        progress=progress,
        live=any(source.is_live for source in sources),
    )


def read(
    items: Iterable[Item],
    classifier: Classifier,
    *,
    detector: FaceDetector,
    min_face_px: int | None = None,
    min_read_px: float = MIN_READ_PX,
    video: VideoOptions = VideoOptions(),
    watch: Stopwatch | None = None,
    progress: Progress = silent,
    live: bool = False,
) -> Iterator[Reading]:
    """Yield what `predict` does, from pictures and frames that are there already.

    live: take a frame only when the one before is done, as it would be old by then; others are decoded meanwhile.
    """
    watch = watch or Stopwatch()
    search = FaceSearch(detector, min_face_px=min_face_px, every=video.detect_every)
    work = _Work(classifier, search, min_read_px, video, watch)
    done = 0
    chunks = in_chunks(items, watch)
    for chunk in chunks if live else prefetched(chunks):
        yield from work.read(chunk)
        done += len(chunk)
        last = chunk[-1]
        progress(done, None if last.left is None else done + last.left, last.source.relative.name)


class _Work:
    """Turns chunks of items into readings; what it knows of a video passes from chunk to chunk."""

    def __init__(
        self, classifier: Classifier, search: FaceSearch, min_read_px: float, video: VideoOptions, watch: Stopwatch
    ) -> None:
        self.classifier, self.search, self.min_read_px = classifier, search, min_read_px
        self.video, self.watch = video, watch
        self.tracking: _Tracking | None = None

    def read(self, chunk: Sequence[Item]) -> Iterator[Reading]:
        with self.watch.stage("detect"):
            faces = self.search.faces(chunk)
        with self.watch.stage("align"):
            crops = self._crops(chunk, faces)
        with self.watch.stage("classify"):
            values = iter(self.classifier.classify(crops) if len(crops) else ())
        waiting = iter(crops)
        for item, of_item in zip(chunk, faces, strict=True):
            predictions: tuple[Prediction, ...] = (_nothing(item),)
            if of_item:
                count = len(of_item)
                own_crops, own_values = (np.stack(list(islice(things, count))) for things in (waiting, values))
                with self.watch.stage("follow"):
                    predictions = self._predictions(item, of_item, own_crops, own_values)
            yield Reading(item.source, item.rgb, item.time_s, predictions, item.frame)

    def _crops(self, chunk: Sequence[Item], faces: Sequence[Sequence[Seen]]) -> NDArray[np.uint8]:
        """Aligned crops [K, S, S, 3] of every face of the chunk, in order."""
        card = self.classifier.card
        size = card.model.input.size
        crops = [
            crop_face(item.rgb, seen.face.landmarks, card.crop, size)[0]
            for item, of_item in zip(chunk, faces, strict=True)
            if item.rgb is not None
            for seen in of_item
        ]
        return np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)

    def _predictions(
        self, item: Item, faces: Sequence[Seen], crops: NDArray[np.uint8], values: NDArray[np.float32]
    ) -> tuple[Prediction, ...]:
        tracks: Sequence[int | None] = [None] * len(faces)
        smoother = None
        if item.frame is not None and self.video.follow:
            state, time_s = self._tracking_of(item), item.time_s or 0.0
            tracks = state.tracker.assign(time_s, [seen.face.box_xyxy for seen in faces], appearance_vectors(crops))
            smoother = state.smoother
            if smoother is not None:
                values = np.stack(
                    [smoother.smooth(track or 0, time_s, row) for track, row in zip(tracks, values, strict=True)]
                )
        return tuple(
            _prediction(
                item,
                seen,
                number=number,
                track=track,
                values=row,
                card=self.classifier.card,
                read_px=self.min_read_px,
                smoother=smoother,
            )
            for number, (seen, track, row) in enumerate(zip(faces, tracks, values, strict=True))
        )

    def _tracking_of(self, item: Item) -> _Tracking:
        if self.tracking is None or self.tracking.source is not item.source:
            self.tracking = _Tracking(item.source, self.video.smooth_s)
        return self.tracking


def _prediction(
    item: Item,
    seen: Seen,
    *,
    number: int,
    track: int | None,
    values: NDArray[np.floating],
    card: WeightsCard,
    read_px: float,
    smoother: Smoother | None,
) -> Prediction:
    probabilities = {name: float(value) for name, value in zip(card.labels, values, strict=True)}
    label = max(probabilities, key=lambda name: probabilities[name])
    status, detail = _verdict(seen.face, probabilities[label], card, read_px)
    return Prediction(
        source=item.source.name,
        status=status,
        frame=item.frame,
        time_s=item.time_s,
        face=number,
        found=seen.face,
        label=label,
        probabilities=probabilities,
        detail=detail,
        track=track,
        detected=seen.detected,
        smoothing_s=smoother.time_constant_s if smoother else None,
    )


def _verdict(face: Face, probability: float, card: WeightsCard, read_px: float) -> tuple[Status, str | None]:
    """Whether what was read is to be believed, and why not."""
    if face.side < read_px:
        return "too_small", f"a side of {face.side:.0f} px is under the {read_px:g} px that it takes to be believed"
    if face.score < MIN_FACE_SCORE:
        return "uncertain", f"the detector is only {face.score:.0%} sure that this is a face"
    if probability < card.abstain_below:
        return "uncertain", f"{probability:.0%} is under the model's limit of {card.abstain_below:.0%}"
    return "ok", None


def _nothing(item: Item) -> Prediction:
    status: Status = "no_face" if item.rgb is not None else "decode_error" if item.is_frame else "unreadable"
    return Prediction(
        source=item.source.name,
        status=status,
        frame=item.frame,
        time_s=item.time_s,
        detail="no face found" if item.rgb is not None else item.fault,
    )
