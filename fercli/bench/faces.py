"""Compare the speed, memory and results of the face detectors with facenet-pytorch's MTCNN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from fercli.bench import facenet
from fercli.bench.isolated import Measurement, run_isolated, write_measurement
from fercli.config.detect import MAX_SIDE_RANGE, DetectConfig
from fercli.errors import DataError
from fercli.faces.crop import landmarks_of
from fercli.faces.detector import DETECTORS, FaceDetector, open_detector
from fercli.media.images import list_images, read_rgb
from fercli.progress import Progress, silent
from fercli.system.chunks import chunked
from fercli.system.devices import cpu_threads

PEER = facenet.NAME
_SAME_AS_PEER = "mtcnn"  # the detector that must return the peer's faces
_SAME_IOU, _SAME_PX = 0.99, 0.5
_CHUNK = 16  # pictures per call, as in `fer align`


@dataclass(frozen=True)
class DetectorRun:
    """One detector on all pictures. images_per_s: median, minimum and maximum of the rounds.

    pictures_without: pictures in which it found no face. processor_ms: CPU time of all threads per picture, median of the
    rounds; other load on the machine affects it less. speed_ratio: times as fast as facenet-pytorch.
    """

    name: str
    faces: int
    pictures_without: int
    images_per_s: tuple[float, float, float]
    speed_ratio: float
    peak_mb: float | None
    processor_ms: float


@dataclass(frozen=True)
class FacesBench:
    """All detectors on the same pictures; reading files is not timed. device: the one in use.

    worst_iou, worst_px: lowest overlap of a box and largest difference of a landmark coordinate between the `mtcnn`
    detector and facenet-pytorch, over pictures where both find the same number of faces. different: pictures where they do
    not, or where a face differs by more than 0.99 overlap or half a pixel.
    """

    images: int
    threads: int
    device: str
    runs: tuple[DetectorRun, ...]
    worst_iou: float
    worst_px: float
    different: tuple[str, ...]


def bench_faces(
    folder: Path,
    *,
    min_face_px: int = DetectConfig.min_face_px,
    device: str = "cpu",
    rounds: int = 3,
    progress: Progress = silent,
) -> FacesBench:
    """Detect the faces of every picture below a folder with every detector in turn, each in a fresh process.

    Raises: DataError if there is no readable picture.
    """
    readable = [path for path in list_images(folder) if _is_readable(path)]
    if not readable:
        raise DataError(f"{folder} has no pictures", fix="give a folder with photos")
    names = (*DETECTORS, PEER)
    measurements: dict[str, list[Measurement]] = {name: [] for name in names}
    total = rounds * len(names)
    for turn in range(total):
        name = names[turn % len(names)]
        progress(turn, total, name)
        pictures = [str(path) for path in readable]
        task = {"name": name, "pictures": pictures, "min_face_px": min_face_px, "device": device}
        measurements[name].append(run_isolated("fercli.bench.faces", task))
    peer_s = median(run.value["seconds"] for run in measurements[PEER])
    faces, peer_faces = (measurements[name][0].value["faces"] for name in (_SAME_AS_PEER, PEER))
    compared = [_compare(one, other) for one, other in zip(faces, peer_faces, strict=True)]
    return FacesBench(
        images=len(readable),
        threads=cpu_threads(),
        device=measurements[PEER][0].value["device"],
        runs=tuple(_run(name, len(readable), results, peer_s) for name, results in measurements.items()),
        worst_iou=min((iou for pairs in compared if pairs for iou, _ in pairs), default=1.0),
        worst_px=max((px for pairs in compared if pairs for _, px in pairs), default=0.0),
        different=tuple(
            path.relative_to(folder).as_posix()
            for path, pairs in zip(readable, compared, strict=True)
            if pairs is None or any(iou < _SAME_IOU or px > _SAME_PX for iou, px in pairs)
        ),
    )


def measure_detector(name: str, pictures: Sequence[str], min_face_px: int, device: str = "cpu") -> dict[str, Any]:
    """Run one detector: rows of box and landmarks of every picture, and the seconds and CPU seconds without reading."""
    detector = _detector(name, min_face_px, device)
    detector.detect([read_rgb(Path(pictures[0]))])
    seconds, processor_s, faces = 0.0, 0.0, []
    for part in chunked(pictures, _CHUNK):
        chunk = [read_rgb(Path(picture)) for picture in part]
        started, processor_started = perf_counter(), process_time()
        detected = detector.detect(chunk)
        seconds += perf_counter() - started
        processor_s += process_time() - processor_started
        faces += [
            [[*face.box_xyxy, *np.ravel(landmarks_of(face)).tolist()] for face in of_picture] for of_picture in detected
        ]
    return {"seconds": seconds, "processor_s": processor_s, "faces": faces, "device": detector.device}


def _detector(name: str, min_face_px: int, device: str) -> FaceDetector:
    if name == PEER:
        return facenet.FacenetDetector(min_face_px, device)
    # MTCNN searches the whole picture, as its peer does
    max_side = MAX_SIDE_RANGE[1] if name == _SAME_AS_PEER else DetectConfig.max_side
    return open_detector(DetectConfig(detector=name, min_face_px=min_face_px, max_side=max_side), device)


def _run(name: str, images: int, measurements: Sequence[Measurement], peer_s: float) -> DetectorRun:
    seconds = [measurement.value["seconds"] for measurement in measurements]
    rates = [images / value for value in seconds]
    peaks = [measurement.peak_mb for measurement in measurements if measurement.peak_mb is not None]
    faces = [len(picture_faces) for picture_faces in measurements[0].value["faces"]]
    processor_s = median(measurement.value["processor_s"] for measurement in measurements)
    return DetectorRun(
        name=name,
        faces=sum(faces),
        pictures_without=faces.count(0),
        images_per_s=(median(rates), min(rates), max(rates)),
        speed_ratio=peer_s / median(seconds),
        peak_mb=max(peaks, default=None),
        processor_ms=1000 * processor_s / images,
    )


def _compare(faces: Sequence[Any], peer_faces: Sequence[Any]) -> list[tuple[float, float]] | None:
    """Overlap and landmark difference of each face of the peer and the nearest of `faces`; None if the numbers differ."""
    if len(faces) != len(peer_faces):
        return None
    pairs = []
    for row in peer_faces:
        overlap, index = max((_iou(row[:4], other[:4]), index) for index, other in enumerate(faces))
        pairs.append((overlap, float(np.abs(np.subtract(faces[index][4:], row[4:])).max())))
    return pairs


def _iou(one: Sequence[float], other: Sequence[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared)


def _is_readable(path: Path) -> bool:
    try:
        read_rgb(path)
    except DataError:
        return False
    return True


if __name__ == "__main__":
    write_measurement(measure_detector)
