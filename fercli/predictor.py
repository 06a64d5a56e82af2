"""Pictures, videos, cameras and arrays in, typed readings out: the Python interface. PyTorch is not needed for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.config.detect import DetectConfig
from fercli.errors import DataError, UsageError
from fercli.faces.detector import open_detector
from fercli.media.feed import Item, feed
from fercli.media.images import Rgb
from fercli.media.sources import Source, find_sources
from fercli.predict.predict import MIN_READ_PX, Reading, VideoOptions, read
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import load_classifier

Picture = Rgb | str | Path  # RGB uint8 [H, W, 3], or where one is
Frames = Iterable[Rgb] | Iterable[tuple[float, Rgb]]  # alone, or each with its time in seconds


class Predictor:
    """Reads the expression of every face. Make one, use it for many pictures: making it loads the networks.

    weights: a .onnx or .safetensors file or a shipped name; None is the shipped default, which runs without torch.
    engine: auto, onnx or torch. device: auto, cpu, cuda or cuda:N.
    min_face_px: smallest face to look for; None is 20 in pictures, 40 in videos. min_read_px: a smaller face is read,
    but `too_small`. thresholds: least scores of the three stages that find a face. max_side: a picture with a longer
    side is searched shrunk to this.
    Raises: UsageError, WeightsError, DeviceError; all are fercli.errors.FerError with `message` and `fix`.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        engine: str = "auto",
        device: str = "auto",
        min_face_px: int | None = None,
        min_read_px: float = MIN_READ_PX,
        thresholds: tuple[float, float, float] = DetectConfig.thresholds,
        max_side: int = DetectConfig.max_side,
    ) -> None:
        self._classifier = load_classifier(weights, engine, device)
        self._detector = open_detector(DetectConfig(thresholds=thresholds, max_side=max_side), device)
        self._min_face_px, self._min_read_px = min_face_px, min_read_px

    @property
    def card(self) -> WeightsCard:
        """What the weights are: labels, crop template, preprocessing, scores."""
        return self._classifier.card

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the network's outputs."""
        return self.card.labels

    def image(self, picture: Picture) -> Reading:
        """Read one picture: `faces` of the result holds one prediction per face, largest first, none if there is none.

        Raises: DataError if it cannot be read, or is a video or several; UsageError for an array that is no picture.
        """
        sources = [picture] if isinstance(picture, np.ndarray) else find_sources([str(picture)])
        if len(sources) != 1 or (isinstance(sources[0], Source) and sources[0].kind == "video"):
            raise DataError(f"{picture}: not one picture", fix="images() takes many, video() takes a video")
        reading = next(self.images([picture]))
        if reading.fault is not None:
            raise DataError(f"{reading.source.name}: {reading.fault}", fix="a file that a viewer opens")
        return reading

    def images(self, pictures: Iterable[Picture] | str | Path) -> Iterator[Reading]:
        """Read pictures in batches, yielding one reading each, in order and in constant memory.

        Text and paths, also one alone, may name what `fer predict` takes: folders, globs, addresses. What cannot be
        read is a reading with a `fault`, and the others go on. The iterable is read in another thread.
        """
        return self._read(_items([pictures] if isinstance(pictures, str | Path) else pictures), VideoOptions())

    def video(
        self,
        video: str | Path | int | Frames,
        *,
        fps: float | None = None,
        follow: bool = True,
        smooth_s: float = 0.0,
        detect_every: int = 1,
    ) -> Iterator[Reading]:
        """Read a video frame by frame, as it comes, in constant memory: one reading each, with `frame` and `time_s`.

        video: a file, an http or rtsp address, the number of a camera, or frames: pairs (seconds, RGB), or RGB with fps.
        follow: number the people. smooth_s: time constant of the average of the probabilities along a track.
        detect_every: search every n-th frame, and carry the faces over the frames between by optical flow.
        Cameras and streams are read as they come: frames that there is no time for are missing, as their numbers show.
        A frame that cannot be decoded, and a video that breaks off, is a reading with a `fault`.
        Raises: DataError if it cannot be opened; UsageError for options or arrays that make no sense.
        """
        options = VideoOptions(follow=follow, smooth_s=smooth_s, detect_every=detect_every)
        if not isinstance(video, str | Path | int):
            return self._read(_frames(video, fps), options)
        return self._whole_video(_one_video(video), options)

    def crops(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities [B, N], columns as `labels`, of faces that are aligned already: RGB uint8 [B, S, S, 3].

        S is `card.model.input.size`; the five landmarks lie as `card.crop` says, which is what `fer align` does.
        """
        size = self.card.model.input.size
        if crops.dtype != np.uint8 or crops.shape[1:] != (size, size, 3):
            raise UsageError(
                f"crops are uint8 [B, {size}, {size}, 3] in RGB order, not {crops.dtype} {list(crops.shape)}",
                fix=f"fer align PHOTOS CROPS --size {size}",
            )
        return self._classifier.classify(crops)

    def _read(self, items: Iterable[Item], options: VideoOptions, *, live: bool = False) -> Iterator[Reading]:
        return read(
            items,
            self._classifier,
            detector=self._detector,
            min_face_px=self._min_face_px,
            min_read_px=self._min_read_px,
            video=options,
            live=live,
        )

    def _whole_video(self, source: Source, options: VideoOptions) -> Iterator[Reading]:
        first = True
        for reading in self._read(feed([source]), options, live=source.is_live):
            if first and reading.fault is not None and reading.frame is None:
                raise DataError(f"{source.name}: {reading.fault}", fix="a file or address that a player opens")
            first = False
            yield reading


def _items(pictures: Iterable[Picture]) -> Iterator[Item]:
    for number, picture in enumerate(pictures):
        if isinstance(picture, np.ndarray):
            path = Path(f"picture-{number}")
            yield Item(Source(path, "image", path), rgb=_checked(picture))
        else:
            yield from feed(find_sources([str(picture)]))


def _frames(frames: Frames, fps: float | None) -> Iterator[Item]:
    source = Source(Path("frames"), "video", Path("frames"))
    for number, frame in enumerate(frames):
        if isinstance(frame, tuple):
            time_s, rgb = frame
        elif fps is None:
            raise UsageError("frames without times", fix="video(frames, fps=25), or pairs (seconds, frame)")
        else:
            time_s, rgb = number / fps, frame
        yield Item(source, rgb=_checked(rgb), frame=number, time_s=float(time_s))


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
        raise DataError(f"{video}: {len(sources)} files, not one video", fix="images() takes many")
    (source,) = sources
    if source.fault:
        raise DataError(f"{source.name}: {source.fault}", fix="check the path")
    return source
