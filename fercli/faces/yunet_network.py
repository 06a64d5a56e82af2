"""The YuNet network on ONNX Runtime: batches of fixed shapes in, decoded detections out. Never imports torch.

Wu, Peng and Yu 2023, "YuNet: A tiny millisecond-level face detector". Its three output maps have one cell per 8, 16 and
32 pixels; every cell predicts one face.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import lru_cache
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.faces.boxes import Detections
from fercli.media.images import Rgb
from fercli.system.onnx_session import open_session, padded_size, runs
from fercli.system.shipped import detector_file

Floats = NDArray[np.float32]

STRIDES = (8, 16, 32)  # px per cell of the output maps
SIDE_MULTIPLE = STRIDES[-1]  # canvas sides are multiples of this
BATCH_SIZES = (1, 4, 16)  # on a GPU, which builds a new plan for every input shape: a batch is padded to one of these
_INPUT = "images"
_FIRST_SHAPE = (320, 320)  # of the run that tests a GPU and loads its kernels


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used."""

    def run(self, outputs: Sequence[str] | None, inputs: dict[str, Any]) -> list[Any]: ...


class YuNetNetwork:
    """YuNet on one device. device: where it runs. batched: whether several canvases go through the network together.

    On the CPU a run has one canvas and one thread, and callers distribute canvases over threads; this is fastest there.
    """

    def __init__(self, device: str = "auto", *, session: Session | None = None) -> None:
        if session is not None:
            self._session, self.device = session, device
        else:
            self._session, self.device = _open(device)
        self.batched = self.device != "cpu"

    def detect(
        self, canvases: Sequence[Rgb], min_score: float, *, executor: Executor | None = None
    ) -> list[Detections]:
        """Detect faces in RGB canvases uint8 [H, W, 3] of one shape; duplicates are not suppressed.

        canvases: sides multiples of 32, at most `BATCH_SIZES[-1]`. min_score: smallest raw score, 0..1. executor: decodes
        in parallel. Detections are in pixels of the canvas.
        """
        run_each = map if executor is None else executor.map
        height, width = canvases[0].shape[:2]
        size = padded_size(len(canvases), BATCH_SIZES) if self.batched else len(canvases)
        images = np.empty((size, 3, height, width), np.float32)
        images[len(canvases) :] = 0

        def fill(index: int) -> None:
            for plane, channel in zip(images[index], cv2.split(canvases[index]), strict=True):  # ten times as fast as
                plane[:] = channel  # OpenCV's blobFromImage

        def decode_one(index: int) -> Detections:
            return decode(scores[index], regression[index], height, width, min_score)

        list(run_each(fill, range(len(canvases))))
        scores, regression = self._session.run(None, {_INPUT: images})  # [B, N], [B, 14, N]
        return list(run_each(decode_one, range(len(canvases))))


def decode(scores: Floats, regression: Floats, height: int, width: int, min_score: float) -> Detections:
    """Turn the network's output for one canvas [height, width] into detections with a score of at least `min_score`.

    Args: scores [N], regression [14, N], for the cells of the maps with strides 8, 16 and 32, row by row.
    Centre = (cell + offset) * stride, size = exp(regression) * stride, landmark = (cell + offset) * stride.
    """
    cells, strides = _cells(height, width)  # [N, 2], [N, 1]
    kept = np.flatnonzero(scores >= min_score)
    cell, stride, values = cells[kept], strides[kept], regression[:, kept].T
    centres = (cell + values[:, :2]) * stride
    half_sizes = np.exp(values[:, 2:4]) * stride / 2
    landmarks = (cell[:, None] + values[:, 4:].reshape(-1, 5, 2)) * stride[:, None]
    return Detections(np.concatenate([centres - half_sizes, centres + half_sizes], axis=1), scores[kept], landmarks)


@lru_cache(maxsize=32)
def _cells(height: int, width: int) -> tuple[Floats, Floats]:
    """Column and row [N, 2] and stride [N, 1] of every cell of the three output maps."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _open(device: str) -> tuple[Session, str]:
    """Open the network; a GPU is tested with every batch size before there is work, which also loads its kernels."""
    path = detector_file("yunet.onnx")
    session, running = open_session(path, device, threads=1)
    if running == "cpu":
        return session, running

    def run_once() -> None:
        for size in BATCH_SIZES:
            session.run(None, {_INPUT: np.zeros((size, 3, *_FIRST_SHAPE), np.float32)})

    return (session, running) if runs(device, run_once, first="picture") else _open("cpu")
