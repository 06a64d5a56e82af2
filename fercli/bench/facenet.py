"""facenet-pytorch's MTCNN behind the interface of this package's detectors, to measure against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from fercli.media.images import Rgb
from fercli.results import Box, Face, Landmarks
from fercli.system.devices import cpu_threads, resolve_device

NAME = "facenet-pytorch"


class FacenetDetector:
    """facenet-pytorch's MTCNN with its own settings. Pictures of one size go through it together, others one by one."""

    def __init__(self, min_face_px: int, device: str = "cpu") -> None:
        import torch
        from facenet_pytorch import MTCNN

        torch.set_num_threads(cpu_threads())
        target = resolve_device(device)
        self.device = str(target)
        self._mtcnn = MTCNN(keep_all=True, min_face_size=min_face_px, device=target)

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:  # noqa: ARG002 (of the protocol)
        """Find the faces of RGB pictures uint8 [H, W, 3]; min_face_px is that of the constructor."""
        if len({frame.shape for frame in frames}) > 1:
            return [self.detect([frame])[0] for frame in frames]
        if not frames:
            return []
        boxes, scores, points = self._mtcnn.detect(list(frames), landmarks=True)
        return [_faces(*of_frame) for of_frame in zip(boxes, scores, points, strict=True)]


def _faces(boxes: Any, scores: Any, points: Any) -> list[Face]:
    """Convert its answer for one picture: None if there is no face."""
    if boxes is None:
        return []
    return [
        Face(
            cast(Box, tuple(map(float, box))),
            float(score),
            cast(Landmarks, tuple(tuple(point) for point in np.asarray(five, float).tolist())),
        )
        for box, score, five in zip(boxes, scores, points, strict=True)
    ]
