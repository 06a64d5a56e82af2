"""Predict the expression of every face in pictures and videos, frame by frame and in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from threading import Event

import numpy as np
from numpy.typing import NDArray

from fercli.faces.appearance import appearance_vectors, head_vector
from fercli.faces.crop import crop_face, landmarks_of, resize_crop
from fercli.faces.detector import FaceDetector
from fercli.faces.search import FaceSearch, Seen
from fercli.faces.tracks import Tracker
from fercli.media.feed import Item, feed, in_chunks
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.predict.given_faces import FaceTable, with_given_faces
from fercli.predict.image_result import ImageResult
from fercli.predict.options import PredictOptions
from fercli.predict.smoothing import Smoother
from fercli.predict.status import status_of
from fercli.predict.track_numbers import with_track_numbers
from fercli.progress import Progress, silent
from fercli.results import Face, Prediction, Status
from fercli.system.devices import cpu_threads
from fercli.system.prefetch import prefetched
from fercli.system.stopwatch import Stopwatch
from fercli.weights.classifier import Classifier


def predict(
    sources: Sequence[Source],
    classifier: Classifier,
    *,
    detector: FaceDetector | None,
    options: PredictOptions | None = None,
    given: FaceTable | None = None,
    watch: Stopwatch | None = None,
    progress: Progress = silent,
    stop: Event | None = None,
    pixels: bool = True,
) -> Iterator[ImageResult]:
    """Yield the result of every picture and frame, in order; detection and classification run in batches.

    A source that cannot be decoded yields one result with status `unreadable`, also after the frames of a video that
    breaks off; the remaining sources follow. detector: not needed if the options say that nothing is detected. given: the
    faces of `options.boxes`. watch: gets the time of the stages decode, detect, align, classify and
    track; decoding runs in parallel. stop: ends cameras and streams when it is set. pixels: whether the results need the
    pixels of video frames; if not, they may be black.
    """
    items = feed(sources, stop=stop)
    return predict_items(
        items if given is None else with_given_faces(items, given),
        classifier,
        detector=detector,
        options=options,
        watch=watch,
        progress=progress,
        live=any(source.is_live for source in sources),
        pixels=pixels,
    )


def predict_items(
    items: Iterable[Item],
    classifier: Classifier,
    *,
    detector: FaceDetector | None,
    options: PredictOptions | None = None,
    watch: Stopwatch | None = None,
    progress: Progress = silent,
    live: bool = False,
    pixels: bool = True,
) -> Iterator[ImageResult]:
    """Yield the results of pictures and frames that are decoded already, as `predict` does.

    live: request a frame only after the previous one is done, so that it is recent; others are decoded ahead.
    """
    options = options or PredictOptions()
    results = _results(items, _Pipeline(classifier, detector, options, watch or Stopwatch()), progress, live=live)
    return with_track_numbers(results, pixels=pixels) if options.track else results


def _results(items: Iterable[Item], pipeline: _Pipeline, progress: Progress, *, live: bool) -> Iterator[ImageResult]:
    """Yield the results chunk by chunk; tracks have provisional numbers."""
    done = 0
    chunks = in_chunks(items, pipeline.watch, threads=cpu_threads())
    for chunk in chunks if live else prefetched(chunks):
        yield from pipeline.run(chunk)
        done += len(chunk)
        last = chunk[-1]
        progress(done, None if last.left is None else done + last.left, last.source.relative.name)


class _Tracking:
    """The tracks of the current video."""

    def __init__(self, source: Source, smooth_s: float) -> None:
        self.source, self.tracker = source, Tracker()
        self.smoother = Smoother(smooth_s) if smooth_s else None


class _Pipeline:
    """Detects, aligns, classifies and tracks chunks of items; tracks continue from chunk to chunk."""

    def __init__(
        self, classifier: Classifier, detector: FaceDetector | None, options: PredictOptions, watch: Stopwatch
    ) -> None:
        self._classifier, self._options, self.watch = classifier, options, watch
        self._search: FaceSearch | None = None
        if options.detects and detector is not None:
            self._search = FaceSearch(detector, options.detect, every=options.detect_every)
        self._tracking: _Tracking | None = None

    def run(self, chunk: Sequence[Item]) -> Iterator[ImageResult]:
        """Yield one result per item."""
        with self.watch.stage("detect"):
            faces = self._faces(chunk) if self._search is None else _rounded(self._search.faces(chunk))
        with self.watch.stage("align"):
            crops = self._crops(chunk, faces)
        with self.watch.stage("classify"):
            probabilities = iter(self._classifier.classify(crops) if len(crops) else ())
        remaining_crops = iter(crops)
        for item, of_item in zip(chunk, faces, strict=True):
            predictions: tuple[Prediction, ...] = (_without_face(item, self._options),)
            if of_item:
                count = len(of_item)
                own_crops, own_rows = (np.stack(list(islice(rest, count))) for rest in (remaining_crops, probabilities))
                with self.watch.stage("track"):
                    predictions = self._predictions(item, of_item, own_crops, own_rows)
            yield ImageResult(
                item.source,
                item.rgb,
                item.time_s,
                predictions,
                item.frame,
                duration_s=item.duration_s,
                note=item.note,
                fix=item.fix,
                labels=self._classifier.card.labels,
            )

    def _faces(self, chunk: Sequence[Item]) -> list[list[Seen]]:
        """Faces that are known without a detector: those given, or the whole of every crop."""
        if self._options.crops:
            return [[] if item.rgb is None else [Seen(_whole(item.rgb), detected=True)] for item in chunk]
        return [[Seen(face, detected=True) for face in item.faces or ()] for item in chunk]

    def _crops(self, chunk: Sequence[Item], faces: Sequence[Sequence[Seen]]) -> NDArray[np.uint8]:
        """Aligned crops [K, S, S, 3] of every face of the chunk, in order."""
        card = self._classifier.card
        size = card.model.input.size
        crops = [
            resize_crop(item.rgb, size)
            if self._options.crops
            else crop_face(item.rgb, landmarks_of(seen.face), card.crop, size)[0]
            for item, of_item in zip(chunk, faces, strict=True)
            if item.rgb is not None
            for seen in of_item
        ]
        return np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)

    def _predictions(
        self, item: Item, faces: Sequence[Seen], crops: NDArray[np.uint8], probabilities: NDArray[np.float32]
    ) -> tuple[Prediction, ...]:
        """Predictions of the K faces of one item; crops [K, S, S, 3], probabilities [K, N]."""
        tracks: Sequence[int | None] = [None] * len(faces)
        smoother = None
        if item.frame is not None and self._options.track:
            tracking, time_s = self._tracking_of(item), item.time_s or 0.0
            boxes = [seen.face.box_xyxy for seen in faces]
            heads = [partial(head_vector, item.rgb, box) for box in boxes] if item.rgb is not None else None
            tracks = tracking.tracker.assign(time_s, boxes, appearance_vectors(crops), heads)
            smoother = tracking.smoother
            if smoother is not None:
                rows = zip(tracks, probabilities, strict=True)
                probabilities = np.stack([smoother.smooth(track or 0, time_s, row) for track, row in rows])
        return tuple(
            self._prediction(item, seen, index=index, track=track, probabilities=row, smoother=smoother)
            for index, (seen, track, row) in enumerate(zip(faces, tracks, probabilities, strict=True))
        )

    def _prediction(
        self,
        item: Item,
        seen: Seen,
        *,
        index: int,
        track: int | None,
        probabilities: NDArray[np.floating],
        smoother: Smoother | None,
    ) -> Prediction:
        card = self._classifier.card
        by_class = {name: float(value) for name, value in zip(card.labels, probabilities, strict=True)}
        label = max(by_class, key=lambda name: by_class[name])
        status, detail = status_of(
            seen.face,
            by_class[label],
            abstain_below=card.abstain_below,
            min_reliable_px=self._options.min_reliable_px,
        )
        return Prediction(
            source=item.source.name,
            status=status,
            frame=item.frame,
            time_s=item.time_s,
            face=index,
            detection=seen.face,
            label=label,
            probabilities=by_class,
            detail=detail or item.note,
            track=track,
            detected=seen.detected,
            smoothing_s=smoother.time_constant_s if smoother else None,
        )

    def _tracking_of(self, item: Item) -> _Tracking:
        if self._tracking is None or self._tracking.source is not item.source:
            self._tracking = _Tracking(item.source, self._options.smooth_s)
        return self._tracking


def _rounded(faces: Sequence[Sequence[Seen]]) -> list[list[Seen]]:
    """Faces as tables have them, so that `fer predict --boxes TABLE` predicts the same."""
    return [[Seen(seen.face.rounded(), detected=seen.detected) for seen in of_item] for of_item in faces]


def _joined(*sentences: str | None) -> str:
    return "; ".join(sentence for sentence in sentences if sentence)


def _whole(rgb: Rgb) -> Face:
    return Face((0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0])), None, None)


def _without_face(item: Item, options: PredictOptions) -> Prediction:
    status: Status = "no_face" if item.rgb is not None else "decode_error" if item.is_frame else "unreadable"
    return Prediction(
        source=item.source.name,
        status=status,
        frame=item.frame,
        time_s=item.time_s,
        detail=item.fault
        if item.rgb is None
        else _joined("no face detected" if options.detects else "no face given", item.note),
    )
