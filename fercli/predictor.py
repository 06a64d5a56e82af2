"""The Python interface: predict expressions in pictures, videos, streams and arrays. It runs without PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.config.detect import MIN_RELIABLE_PX, DetectConfig
from fercli.errors import DataError, UsageError
from fercli.faces.detector import open_detector
from fercli.formatting import pluralize
from fercli.media.feed import Item, feed
from fercli.media.images import Rgb
from fercli.media.selection import FrameChooser, FrameSelection
from fercli.media.sources import Source, find_sources
from fercli.predict.options import PredictOptions
from fercli.predict.predict import ImageResult, predict_items
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import load_classifier

Picture = Rgb | str | Path  # RGB uint8 [H, W, 3], or the path or address of a picture
Frames = Iterable[Rgb] | Iterable[tuple[float, Rgb]]  # frames alone, or each with its time in seconds


class Predictor:
    """Predicts the expression of every face. Creating it loads the networks, so use one for many pictures.

    weights: a .onnx or .safetensors file or the name of shipped weights (default: fer-compact, which runs without torch).
    engine: auto, onnx or torch. device: auto, cpu, cuda or cuda:N.
    min_face_px: smallest face to detect (default: 20 in pictures, 40 in videos). min_reliable_px: the prediction of a
    smaller face has status `too_small`. detector: yunet or mtcnn. thresholds: minimum scores of MTCNN's three stages;
    YuNet uses the last. max_side: a picture with a longer side is shrunk to it for detection.
    Raises: UsageError, WeightsError, DeviceError; all are fercli.errors.FerError with `message` and `fix`.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        engine: str = "auto",
        device: str = "auto",
        min_face_px: int | None = None,
        min_reliable_px: float = MIN_RELIABLE_PX,
        detector: str = DetectConfig.detector,
        thresholds: tuple[float, float, float] = DetectConfig.thresholds,
        max_side: int = DetectConfig.max_side,
    ) -> None:
        detect = DetectConfig(detector=detector, thresholds=thresholds, max_side=max_side).with_min_face(min_face_px)
        self._options = PredictOptions(detect, min_reliable_px)
        self._classifier = load_classifier(weights, engine, device)
        self._detector = open_detector(detect, device)

    @property
    def card(self) -> WeightsCard:
        """The card of the weights: labels, crop template, preprocessing, scores."""
        return self._classifier.card

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the network's outputs."""
        return self.card.labels

    def image(self, picture: Picture) -> ImageResult:
        """Predict one picture: `faces` of the result has one prediction per face, largest first, and may be empty.

        Raises: DataError for a file that cannot be decoded, a video or several files; UsageError for an array that is
        not a picture.
        """
        sources = [picture] if isinstance(picture, np.ndarray) else find_sources([str(picture)])
        if len(sources) != 1 or (isinstance(sources[0], Source) and sources[0].kind == "video"):
            raise DataError(f"{picture}: not one picture", fix="images() takes several, video() a video")
        result = next(self.images([picture]))
        if result.fault is not None:
            raise DataError(f"{result.source.name}: {result.fault}", fix="check that a viewer opens the file")
        return result

    def images(self, pictures: Iterable[Picture] | str | Path) -> Iterator[ImageResult]:
        """Predict pictures in batches; yields one result per picture, in order and in constant memory.

        Paths and text may name folders, globs and addresses, as for `fer predict`. A file that cannot be decoded yields
        a result with a `fault`; the remaining ones follow. The iterable is consumed in another thread.
        """
        return self._predict(_items([pictures] if isinstance(pictures, str | Path) else pictures), self._options)

    def video(
        self,
        video: str | Path | int | Frames,
        *,
        fps: float | None = None,
        start_s: float = 0.0,
        end_s: float | None = None,
        track: bool = True,
        smooth_s: float = 0.0,
        detect_every: int = 1,
    ) -> Iterator[ImageResult]:
        """Predict a video frame by frame, in constant memory; yields one result per frame with `frame` and `time_s`.

        video: a file, an http or rtsp address, a camera number, or frames: pairs (seconds, RGB), or RGB with fps.
        fps: read so many frames per second, by their times; of frames without times, their rate. start_s, end_s: read the
        frames shown from the one time on until before the other. `frame` and `time_s` stay those of the whole video.
        track: number the people. smooth_s: time constant of the moving average of the probabilities along a track.
        detect_every: run the detector on every n-th frame and move the faces by optical flow in between.
        Cameras and streams are read live: frames for which there is no time are skipped, as their indices show.
        A frame that cannot be decoded, and a video that breaks off, yield a result with a `fault`.
        Raises: DataError if the video cannot be opened; UsageError for invalid options or arrays.
        """
        options = replace(self._options, track=track, smooth_s=smooth_s, detect_every=detect_every)
        if not isinstance(video, str | Path | int):
            return self._predict(_frames(video, fps, FrameSelection(start_s, end_s)), options)
        source = replace(_one_video(video), selection=FrameSelection(start_s, end_s, fps))
        return self._file_or_stream(source, options)

    def crops(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return calibrated probabilities [B, N], columns as `labels`, of aligned faces: RGB uint8 [B, S, S, 3].

        S is `card.model.input.size`; the five landmarks are at the positions of `card.crop`, as `fer align` puts them.
        """
        size = self.card.model.input.size
        if crops.dtype != np.uint8 or crops.shape[1:] != (size, size, 3):
            raise UsageError(
                f"crops are uint8 [B, {size}, {size}, 3] in RGB order, not {crops.dtype} {list(crops.shape)}",
                fix=f"fer align PHOTOS CROPS --size {size}",
            )
        return self._classifier.classify(crops)

    def _predict(self, items: Iterable[Item], options: PredictOptions, *, live: bool = False) -> Iterator[ImageResult]:
        return predict_items(items, self._classifier, detector=self._detector, options=options, live=live)

    def _file_or_stream(self, source: Source, options: PredictOptions) -> Iterator[ImageResult]:
        first = True
        for result in self._predict(feed([source]), options, live=source.is_live):
            if first and result.fault is not None and result.frame is None:
                raise DataError(f"{source.name}: {result.fault}", fix="check that a player opens the file or address")
            first = False
            yield result


def _items(pictures: Iterable[Picture]) -> Iterator[Item]:
    for index, picture in enumerate(pictures):
        if isinstance(picture, np.ndarray):
            path = Path(f"picture-{index}")
            yield Item(Source(path, "image", path), rgb=_checked(picture))
        else:
            yield from feed(find_sources([str(picture)]))


def _frames(frames: Frames, fps: float | None, part: FrameSelection) -> Iterator[Item]:
    source = Source(Path("frames"), "video", Path("frames"))
    chooser = None
    for index, frame in enumerate(frames):
        if isinstance(frame, tuple):
            time_s, rgb = frame
        elif fps is None:
            raise UsageError("frames have no times", fix="video(frames, fps=25), or pairs (seconds, frame)")
        else:
            time_s, rgb = index / fps, frame
        chooser = chooser or FrameChooser(replace(part, fps=fps) if isinstance(frame, tuple) else part)
        if part.ends_before(time_s):
            return
        if chooser.takes(time_s):
            yield Item(source, rgb=_checked(rgb), frame=index, time_s=float(time_s))


def _checked(rgb: Rgb) -> Rgb:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise UsageError(
            f"a picture is uint8 [H, W, 3] in RGB order, not {rgb.dtype} {list(rgb.shape)}",
            fix="np.repeat(grey[..., None], 3, axis=2) for grey, bgr[..., ::-1] for OpenCV's order",
        )
    return np.ascontiguousarray(rgb)


def _one_video(video: str | Path | int) -> Source:
    sources = find_sources([str(video)])
    if len(sources) != 1:
        raise DataError(
            f"{video}: {pluralize(len(sources), 'file')}, not one video", fix="images() takes several files"
        )
    (source,) = sources
    if source.fault:
        raise DataError(f"{source.name}: {source.fault}", fix="check the path")
    return source
