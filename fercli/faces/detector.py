"""Open a face detector by name. To add one, add a file and an entry to DETECTORS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fercli.config.detect import DetectConfig
from fercli.errors import UsageError
from fercli.media.images import Rgb
from fercli.results import Face


class FaceDetector(Protocol):
    """A face detector. device: where it runs ("cpu", "cuda:0")."""

    device: str

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        """Find the faces of RGB pictures uint8 [H, W, 3] of any size; largest first, an empty list where there is none.

        min_face_px: smallest face side to search for in these pictures; None is the detector's own.
        """
        ...


@dataclass(frozen=True)
class DetectorEntry:
    """A detector that can be chosen. version: recorded with its results. open: takes settings and a device name."""

    version: str
    open: Callable[[DetectConfig, str], FaceDetector]


def _open_yunet(config: DetectConfig, device: str) -> FaceDetector:
    from fercli.faces.yunet import YuNetDetector

    return YuNetDetector(config, device)


def _open_mtcnn(config: DetectConfig, device: str) -> FaceDetector:
    from fercli.faces.mtcnn import MtcnnDetector

    return MtcnnDetector(config, device)


DETECTORS: dict[str, DetectorEntry] = {
    "yunet": DetectorEntry("yunet n 0047ac2", _open_yunet),
    # whose weights it runs, with the same results
    "mtcnn": DetectorEntry("mtcnn facenet-pytorch 2.5.3", _open_mtcnn),
}


def open_detector(config: DetectConfig | None = None, device: str = "auto") -> FaceDetector:
    """Open the detector that the settings name (default: `DetectConfig()`).

    Raises: UsageError for an unknown name, WeightsError if its networks are missing, DeviceError as `open_session`.
    """
    config = config or DetectConfig()
    return _entry(config.detector).open(config, device)


def detector_version(name: str = DetectConfig.detector) -> str:
    """Name and version of a detector, as recorded with aligned data sets and predictions."""
    return _entry(name).version


def _entry(name: str) -> DetectorEntry:
    if name not in DETECTORS:
        raise UsageError(f"unknown detector {name!r}", fix=f"--detector {' or '.join(DETECTORS)}")
    return DETECTORS[name]
