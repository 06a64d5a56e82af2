"""Pictures and videos in, the expression of every face out, frame by frame and in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fercli.core.card import WeightsCard
from fercli.core.prefetch import prefetched
from fercli.core.smoothing import Smoother
from fercli.core.stopwatch import Stopwatch
from fercli.core.tracks import Tracker
from fercli.errors import DataError, UsageError
from fercli.media.crop import crop_face
from fercli.media.faces import MIN_FACE_PX, VIDEO_MIN_FACE_PX
from fercli.media.flow import FaceFlow
from fercli.media.images import Rgb, read_rgb
from fercli.media.looks import looks
from fercli.media.sources import Source
from fercli.media.video import VideoReader
from fercli.progress import Progress, silent
from fercli.results import Face, Prediction
from fercli.store.inference import Classifier

_CHUNK_FRAMES = 16
_CHUNK_PIXELS = 24_000_000  # frames held in memory at once, whatever their number


class Detector(Protocol):
    """What finds faces: `FaceDetector`, or a stand-in."""

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]: ...


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


@dataclass(frozen=True)
class _Seen:
    """A face of a frame; detected is False if it was carried over from the frame before."""

    face: Face
    detected: bool


@dataclass
class _Carried:
    """The last frame of the video at hand, for the next one to begin from."""

    source: Source | None
    flow: FaceFlow | None = None
    faces: Sequence[Face] = ()


class _Tracking:
    """Who is who in the video at hand."""

    def __init__(self, source: Source, smooth_s: float) -> None:
        self.source, self.tracker = source, Tracker()
        self.smoother = Smoother(smooth_s) if smooth_s else None


def predict(
    sources: Sequence[Source],
    classifier: Classifier,
    *,
    detector: Detector,
    min_face_px: int | None = None,
    video: VideoOptions = VideoOptions(),
    watch: Stopwatch | None = None,
    progress: Progress = silent,
) -> Iterator[Reading]:
    """Yield what is read from each picture and frame, in order; detection and classification run in batches.

    A source that cannot be read yields one reading with status `unreadable`, also after the frames of a video that
    breaks off, and the others go on. min_face_px: None is MIN_FACE_PX in pictures and VIDEO_MIN_FACE_PX in videos.
    watch: gets the stages read, detect, align, classify and follow; reading goes on in the background.
    """
    watch = watch or Stopwatch()
    work = _Work(classifier, detector, min_face_px, video, watch)
    done = 0
    for chunk in prefetched(_chunks(_items(sources), watch)):
        yield from work.read(chunk)
        done += len(chunk)
        last = chunk[-1]
        progress(done, None if last.left is None else done + last.left + last.sources_after, last.source.path.name)


class _Work:
    """Turns chunks of items into readings; what it knows of a video passes from chunk to chunk."""

    def __init__(
        self, classifier: Classifier, detector: Detector, min_face_px: int | None, video: VideoOptions, watch: Stopwatch
    ) -> None:
        self.classifier, self.detector, self.watch, self.video = classifier, detector, watch, video
        self.picture_face_px = min_face_px or MIN_FACE_PX
        self.video_face_px = min_face_px or VIDEO_MIN_FACE_PX
        self.carried = _Carried(None)
        self.tracking: _Tracking | None = None

    def read(self, chunk: Sequence[_Item]) -> Iterator[Reading]:
        with self.watch.stage("detect"):
            faces = self._faces(chunk)
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
            yield Reading(item.source, item.rgb, item.time_s, predictions)

    def _faces(self, chunk: Sequence[_Item]) -> list[list[_Seen]]:
        """Faces of every item: found, or carried over from the frame before."""
        every = self.video.detect_every
        searched = [
            item.rgb is not None and (item.frame is None or item.frame % every == 0 or not self._can_carry(item, chunk))
            for item in chunk
        ]
        found: dict[int, list[Face]] = {}
        for is_video, smallest in ((False, self.picture_face_px), (True, self.video_face_px)):
            places = [i for i, item in enumerate(chunk) if searched[i] and (item.frame is not None) == is_video]
            frames = [rgb for i in places if (rgb := chunk[i].rgb) is not None]
            if frames:
                found |= dict(zip(places, self.detector.detect(frames, min_face_px=smallest), strict=True))
        faces = []
        for place, item in enumerate(chunk):
            seen = [_Seen(face, detected=True) for face in found.get(place, ())]
            if every > 1 and item.frame is not None and item.rgb is not None:
                seen = self._carry(item, item.rgb, seen, searched=searched[place])
            faces.append(seen)
        return faces

    def _can_carry(self, item: _Item, chunk: Sequence[_Item]) -> bool:
        """Whether the frame before is at hand: in this chunk, or the last one of the video that is being read."""
        in_chunk = any(other.source is item.source and other.frame == (item.frame or 0) - 1 for other in chunk)
        return in_chunk or (self.carried.source is item.source and self.carried.flow is not None)

    def _carry(self, item: _Item, rgb: Rgb, seen: list[_Seen], *, searched: bool) -> list[_Seen]:
        if self.carried.source is not item.source:
            self.carried = _Carried(item.source)
        state = self.carried
        if state.flow is None or searched:
            state.flow = FaceFlow(rgb)
        else:
            seen = [_Seen(face, detected=False) for face in state.flow.follow(rgb, state.faces)]
        state.faces = [face.face for face in seen]
        return seen

    def _crops(self, chunk: Sequence[_Item], faces: Sequence[Sequence[_Seen]]) -> NDArray[np.uint8]:
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
        self, item: _Item, faces: Sequence[_Seen], crops: NDArray[np.uint8], values: NDArray[np.float32]
    ) -> tuple[Prediction, ...]:
        tracks: Sequence[int | None] = [None] * len(faces)
        smoother = None
        if item.frame is not None and self.video.follow:
            state, time_s = self._tracking_of(item), item.time_s or 0.0
            tracks = state.tracker.assign(time_s, [seen.face.box_xyxy for seen in faces], looks(crops))
            smoother = state.smoother
            if smoother is not None:
                values = np.stack(
                    [smoother.smooth(track or 0, time_s, row) for track, row in zip(tracks, values, strict=True)]
                )
        return tuple(
            _prediction(
                item, seen, number=number, track=track, values=row, card=self.classifier.card, smoother=smoother
            )
            for number, (seen, track, row) in enumerate(zip(faces, tracks, values, strict=True))
        )

    def _tracking_of(self, item: _Item) -> _Tracking:
        if self.tracking is None or self.tracking.source is not item.source:
            self.tracking = _Tracking(item.source, self.video.smooth_s)
        return self.tracking


def _prediction(
    item: _Item,
    seen: _Seen,
    *,
    number: int,
    track: int | None,
    values: NDArray[np.floating],
    card: WeightsCard,
    smoother: Smoother | None,
) -> Prediction:
    probabilities = {name: float(value) for name, value in zip(card.labels, values, strict=True)}
    label = max(probabilities, key=lambda name: probabilities[name])
    doubtful = probabilities[label] < card.abstain_below
    return Prediction(
        source=str(item.source.path),
        status="uncertain" if doubtful else "ok",
        frame=item.frame,
        time_s=item.time_s,
        face=number,
        found=seen.face,
        label=label,
        probabilities=probabilities,
        detail=f"{probabilities[label]:.0%} is under the model's limit of {card.abstain_below:.0%}"
        if doubtful
        else None,
        track=track,
        detected=seen.detected,
        smoothing_s=smoother.time_constant_s if smoother else None,
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
