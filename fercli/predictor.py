"""The Python interface: predict expressions in pictures, videos, streams and arrays. It runs without PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.config.detect import MIN_RELIABLE_PX, DetectConfig
from fercli.errors import DataError, DeviceError, RefusedError, UsageError
from fercli.faces.detector import open_detector
from fercli.formatting import pluralize
from fercli.media.feed import Item, feed
from fercli.media.selection import FrameSelection
from fercli.media.sources import Source, find_sources
from fercli.predict.arguments import check_flags, check_networks, real_number
from fercli.predict.boxes_file import read_boxes
from fercli.predict.forked import ProcessResults, fork_lock, keep_alive
from fercli.predict.given_faces import FacesByFrame, FaceTable, GivenFaces, with_given_faces
from fercli.predict.image_result import ImageResult
from fercli.predict.inputs import (
    Frames,
    Picture,
    check_pictures,
    checked_fps,
    frame_items,
    is_one_picture,
    is_path,
    picture_items,
    pictures_with_faces,
    pixels_of,
)
from fercli.predict.options import PredictOptions
from fercli.predict.predict import predict_items
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import load_classifier
from fercli.weights.flip import with_flip
from fercli.weights.priors import class_shares, with_prior


class Predictor:
    """Predicts the expression of every face. Creating it loads the networks, so use one for many pictures.

    weights: a .onnx or .safetensors file or the name of shipped weights (default: fer-compact, which runs without torch).
    convention: label convention of a model that has several: perceived, posed or mixed (default: its own).
    prior: class shares that the probabilities assume: ferplus, uniform, a CSV file with the columns class and share, or a
    mapping (default: those of the weights). flip: average the probabilities of each face and its mirror image.
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
        convention: str | None = None,
        prior: str | Path | Mapping[str, float] | None = None,
        flip: bool = False,
        engine: str = "auto",
        device: str = "auto",
        min_face_px: int | None = None,
        min_reliable_px: float = MIN_RELIABLE_PX,
        detector: str = DetectConfig.detector,
        thresholds: tuple[float, float, float] | NDArray[np.floating] = DetectConfig.thresholds,
        max_side: int = DetectConfig.max_side,
    ) -> None:
        check_networks(weights, device, prior)
        check_flags(flip=flip)
        three = cast(
            "tuple[float, float, float]", tuple(thresholds) if isinstance(thresholds, np.ndarray) else thresholds
        )
        detect = DetectConfig(detector=detector, thresholds=three, max_side=max_side).with_min_face(min_face_px)
        self._options = PredictOptions(detect, min_reliable_px)
        self._networks, self._prior, self._flip = (weights, engine, device, convention), prior, flip
        self._load()

    @property
    def card(self) -> WeightsCard:
        """The card of the weights: labels, crop template, preprocessing, scores."""
        return self._classifier.card

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the network's outputs."""
        return self.card.labels

    def image(
        self, picture: Picture, *, boxes: str | os.PathLike[str] | ArrayLike | None = None, crops: bool = False
    ) -> ImageResult:
        """Predict one picture: `faces` of the result has one prediction per face, largest first, and may be empty.

        picture: RGB uint8 [H, W, 3], a PIL picture, the bytes of a file or an open one, or a path or address.
        boxes: where the faces are, instead of detection: boxes [K, 4], landmarks [K, 5, 2] or a CSV file, in whose order
        the predictions come. crops: the picture is the crop of one face.
        Raises: DataError for a file that cannot be decoded, a video or several files; UsageError for anything else.
        """
        if is_path(picture):
            name = os.fspath(cast("str | os.PathLike[str]", picture))
            sources = find_sources([name])
            if len(sources) != 1 or sources[0].kind == "video":
                raise DataError(f"{name}: not one picture", fix="images() takes several, video() a video")
        elif not is_one_picture(picture):
            pixels_of(picture)  # raises
        of_pictures = boxes if boxes is None or isinstance(boxes, str | os.PathLike) else [boxes]
        result = next(self.images([picture], boxes=of_pictures, crops=crops))
        if result.fault is not None:
            raise DataError(f"{result.source.name}: {result.fault}", fix="check that a viewer opens the file")
        return result

    def images(
        self,
        pictures: Iterable[Picture] | Picture,
        *,
        boxes: str | os.PathLike[str] | Iterable[ArrayLike] | None = None,
        crops: bool = False,
    ) -> Iterator[ImageResult]:
        """Predict pictures in batches; yields one result per picture, in order and in constant memory.

        pictures: as `image` takes them, several or one. Paths and text may name folders, globs and addresses, as for
        `fer predict`. A file that cannot be decoded yields a result with a `fault`; the remaining ones follow. The iterable
        is consumed in another thread.
        boxes: a CSV file as for `fer predict --boxes`, or one array per picture as for `image`. crops: as for `image`.
        """
        check_pictures(pictures)
        check_flags(crops=crops)
        options = replace(self._options, boxes=None if boxes is None else "given", crops=crops)
        several = cast("Iterable[Picture]", [pictures] if is_one_picture(pictures) else pictures)
        if boxes is not None and not isinstance(boxes, str | os.PathLike):
            if not isinstance(boxes, Iterable):
                raise UsageError(
                    f"boxes are a CSV file or one array for each picture, not {type(boxes).__name__}",
                    fix="boxes=[[[left, top, right, bottom], ...], ...]",
                )
            return self._predict(pictures_with_faces(several, boxes), options)
        given = None if boxes is None else read_boxes(Path(boxes))
        return self._predict(_attached(picture_items(several), given), options)

    def video(
        self,
        video: str | os.PathLike[str] | int | Frames,
        *,
        fps: float | None = None,
        start_s: float = 0.0,
        end_s: float | None = None,
        track: bool = True,
        smooth_s: float = 0.0,
        detect_every: int = 1,
        boxes: str | os.PathLike[str] | Mapping[int, ArrayLike] | None = None,
        crops: bool = False,
    ) -> Iterator[ImageResult]:
        """Predict a video frame by frame, in constant memory; yields one result per frame with `frame` and `time_s`.

        video: a file, an http or rtsp address, a camera number, or frames: pairs (seconds, RGB), or RGB with fps.
        fps: how many frames per second are read, by their times; of frames without times, their rate. start_s, end_s: read the
        frames shown from the one time on until before the other. `frame` and `time_s` stay those of the whole video.
        track: number the people. smooth_s: time constant of the moving average of the probabilities along a track.
        detect_every: run the detector on every n-th frame and move the faces by optical flow in between.
        boxes: a CSV file as for `fer predict --boxes`, or arrays as for `image` by frame; other frames have no face.
        crops: every frame is the crop of one face.
        Cameras and streams are read live: frames for which there is no time are skipped, as their indices show.
        A frame that cannot be decoded, and a video that breaks off, yield a result with a `fault`.
        Raises: DataError if the video cannot be opened; UsageError for invalid options, arrays or times.
        """
        check_flags(track=track, crops=crops)
        fps = checked_fps(fps)
        start_s = real_number(start_s, "start_s", fix="start_s=10")
        end_s = None if end_s is None else real_number(end_s, "end_s", fix="end_s=20")
        options = replace(
            self._options,
            track=track,
            smooth_s=smooth_s,
            detect_every=detect_every,
            boxes=None if boxes is None else "given",
            crops=crops,
        )
        given: FaceTable | None = None
        if boxes is not None:
            given = read_boxes(Path(boxes)) if isinstance(boxes, str | os.PathLike) else FacesByFrame(boxes)
        if is_path(video) or (isinstance(video, (int, np.integer)) and not isinstance(video, bool)):
            name = os.fspath(video) if isinstance(video, os.PathLike) else str(video)
            source = replace(_one_video(name), selection=FrameSelection(start_s, end_s, fps))
            if isinstance(given, GivenFaces):
                given.check([source])
            return self._file_or_stream(source, options, given)
        if is_one_picture(video) or not isinstance(video, Iterable):
            raise UsageError(
                f"a video is a path, an address, a camera number or frames, not {type(video).__name__}",
                fix="image() takes a picture; write the bytes of a video to a file",
            )
        items = frame_items(cast("Frames", video), fps, FrameSelection(start_s, end_s))
        return self._predict(_attached(items, given), options)

    def crops(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return calibrated probabilities [B, N], columns as `labels`, of aligned faces: RGB uint8 [B, S, S, 3].

        S is `card.model.input.size`; the five landmarks are at the positions of `card.crop`, as `fer align` puts them.
        """
        size = self.card.model.input.size
        is_array = isinstance(crops, np.ndarray)
        if not is_array or crops.dtype != np.uint8 or crops.shape[1:] != (size, size, 3):
            given = f"{crops.dtype} {list(crops.shape)}" if is_array else type(crops).__name__
            raise UsageError(
                f"crops are uint8 [B, {size}, {size}, 3] in RGB order, not {given}",
                fix=f"fer align PHOTOS CROPS --size {size}",
            )
        self._reload_after_fork()
        return self._classifier.classify(crops)

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings only: the networks are loaded again where the Predictor is unpickled."""
        return {
            "_options": self._options,
            "_networks": self._networks,
            "_prior": self._prior,
            "_flip": self._flip,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._load()

    def _load(self) -> None:
        weights, engine, device, convention = self._networks
        self._classifier = load_classifier(weights, engine, device, convention=convention)
        if self._prior is not None:
            self._classifier = with_prior(self._classifier, class_shares(self._prior, self.card.labels))
        if self._flip:
            self._classifier = with_flip(self._classifier)
        self._detector = open_detector(self._options.detect, device)
        self._process = os.getpid()  # last: another thread may use the networks from here on

    def _reload_after_fork(self) -> None:
        """Load the networks again in a child process: a fork copies no threads, and the old ones would wait for theirs.

        Raises: DeviceError on a GPU and RefusedError with torch, which a forked process cannot use.
        """
        if os.getpid() == self._process:
            return
        with fork_lock():
            if os.getpid() == self._process:
                return  # another thread was first
            fix = 'create it in the child process, or multiprocessing.get_context("spawn")'
            if {self._classifier.device, self._detector.device} != {"cpu"}:
                device = self._classifier.device
                raise DeviceError(f"this Predictor runs on {device}, which cannot be used in a forked process", fix=fix)
            if self._classifier.engine == "torch":
                raise RefusedError(
                    "this Predictor runs in torch, which would wait forever in a forked process", fix=fix
                )
            keep_alive(self._classifier)
            keep_alive(self._detector)
            self._load()

    def _predict(self, items: Iterable[Item], options: PredictOptions, *, live: bool = False) -> Iterator[ImageResult]:
        self._reload_after_fork()
        return ProcessResults(
            predict_items(items, self._classifier, detector=self._detector, options=options, live=live)
        )

    def _file_or_stream(
        self, source: Source, options: PredictOptions, given: FaceTable | None
    ) -> Iterator[ImageResult]:
        first = True
        for result in self._predict(_attached(feed([source]), given), options, live=source.is_live):
            if first and result.fault is not None and result.frame is None:
                raise DataError(f"{source.name}: {result.fault}", fix="check that a player opens the file or address")
            first = False
            yield result


def _attached(items: Iterator[Item], given: FaceTable | None) -> Iterator[Item]:
    return items if given is None else with_given_faces(items, given)


def _one_video(video: str) -> Source:
    sources = find_sources([video])
    if len(sources) != 1:
        raise DataError(
            f"{video}: {pluralize(len(sources), 'file')}, not one video", fix="images() takes several files"
        )
    (source,) = sources
    if source.fault:
        raise DataError(f"{source.name}: {source.fault}", fix="check the path")
    return source
