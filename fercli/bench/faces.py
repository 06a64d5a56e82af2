"""A folder of pictures in, this product's face detector and facenet-pytorch's side by side out: answers, speed, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from fercli.bench.isolated import answer, run_isolated
from fercli.config.detect import MAX_SIDE_RANGE, DetectConfig
from fercli.errors import DataError
from fercli.faces.detector import open_detector
from fercli.media.images import Rgb, list_images, read_rgb
from fercli.progress import Progress, silent
from fercli.system.chunks import chunked
from fercli.system.devices import cpu_threads

OURS, PEER = "fer", "facenet-pytorch"
_SAME_IOU, _SAME_PX = 0.99, 0.5
_CHUNK = 16  # pictures given at once, as `fer align` gives them


@dataclass(frozen=True)
class Side:
    """One detector on all pictures. images_per_s: median, least and most of the rounds.

    processor_ms: of all threads together for a picture, median; other work on the machine changes it less.
    """

    name: str
    faces: int
    images_per_s: tuple[float, float, float]
    peak_mb: float | None
    processor_ms: float


@dataclass(frozen=True)
class FacesBench:
    """Both sides on the same pictures, reading not counted.

    worst_iou, worst_px: of a box, and of one coordinate of a landmark, over the faces of pictures where both sides
    find as many. different: pictures where they do not, or where a face is under 0.99 or more than half a pixel away.
    """

    images: int
    threads: int
    sides: tuple[Side, ...]
    worst_iou: float
    worst_px: float
    different: tuple[str, ...]

    @property
    def speed_ratio(self) -> float:
        return self.sides[0].images_per_s[0] / self.sides[1].images_per_s[0]


def bench_faces(folder: Path, *, min_face_px: int = 20, rounds: int = 3, progress: Progress = silent) -> FacesBench:
    """Detect the faces of every picture below a folder on the CPU, the sides taking turns, each in a fresh process.

    Raises: DataError if there is no picture that can be read.
    """
    readable = [path for path in list_images(folder) if _is_readable(path)]
    if not readable:
        raise DataError(f"{folder} has no pictures", fix="give a folder with photos")
    answers: dict[str, list[Any]] = {OURS: [], PEER: []}
    total = rounds * len(answers)
    for turn in range(total):
        side = (OURS, PEER)[turn % 2]
        progress(turn, total, side)
        task = {"side": side, "pictures": [str(path) for path in readable], "min_face_px": min_face_px}
        answers[side].append(run_isolated("fercli.bench.faces", task))
    sides = tuple(_side(name, len(readable), of_side) for name, of_side in answers.items())
    ours, theirs = (of_side[0].value["faces"] for of_side in answers.values())
    compared = [_compare(one, other) for one, other in zip(ours, theirs, strict=True)]
    return FacesBench(
        images=len(readable),
        threads=cpu_threads(),
        sides=sides,
        worst_iou=min((iou for found in compared if found for iou, _ in found), default=1.0),
        worst_px=max((px for found in compared if found for _, px in found), default=0.0),
        different=tuple(
            path.relative_to(folder).as_posix()
            for path, found in zip(readable, compared, strict=True)
            if found is None or any(iou < _SAME_IOU or px > _SAME_PX for iou, px in found)
        ),
    )


def measure(side: str, pictures: Sequence[str], min_face_px: int) -> dict[str, Any]:
    """What one side finds in each picture, rows of box and landmarks, and the seconds it took beside reading, by the clock and
    of the processor.
    """
    detect = _ours(min_face_px) if side == OURS else _peer(min_face_px)
    detect([read_rgb(Path(pictures[0]))])
    seconds, processor_s, faces = 0.0, 0.0, []
    for part in chunked(pictures, _CHUNK):
        chunk = [read_rgb(Path(picture)) for picture in part]
        started, used = perf_counter(), process_time()
        found = detect(chunk)
        seconds += perf_counter() - started
        processor_s += process_time() - used
        faces += found
    return {"seconds": seconds, "processor_s": processor_s, "faces": faces}


def _ours(min_face_px: int) -> Any:
    detector = open_detector(DetectConfig(min_face_px=min_face_px, max_side=MAX_SIDE_RANGE[1]), "cpu")

    def detect(pictures: Sequence[Rgb]) -> list[list[list[float]]]:
        return [
            [[*face.box_xyxy, *np.ravel(face.landmarks).tolist()] for face in faces]
            for faces in detector.detect(pictures)
        ]

    return detect


def _peer(min_face_px: int) -> Any:
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(cpu_threads())
    mtcnn = MTCNN(keep_all=True, min_face_size=min_face_px, device="cpu")

    def detect_one(rgb: Rgb) -> list[list[float]]:
        boxes, _, points = mtcnn.detect(rgb, landmarks=True)
        if boxes is None:
            return []
        return [[*map(float, box), *map(float, np.ravel(five))] for box, five in zip(boxes, points, strict=True)]

    return lambda pictures: [detect_one(rgb) for rgb in pictures]  # it takes several at once only of one size


def _side(name: str, images: int, answers: Sequence[Any]) -> Side:
    rates = [images / found.value["seconds"] for found in answers]
    peaks = [found.peak_mb for found in answers]
    peak = None if None in peaks else max(peaks)
    faces = sum(len(of_picture) for of_picture in answers[0].value["faces"])
    processor_ms = 1000 * median(found.value["processor_s"] for found in answers) / images
    return Side(name, faces, (median(rates), min(rates), max(rates)), peak, processor_ms)


def _compare(ours: Sequence[Any], theirs: Sequence[Any]) -> list[tuple[float, float]] | None:
    """Overlap and largest distance of a landmark of each face of theirs with our nearest; None for another count."""
    if len(ours) != len(theirs):
        return None
    pairs = []
    for row in theirs:
        overlap, place = max((_iou(row[:4], mine[:4]), place) for place, mine in enumerate(ours))
        pairs.append((overlap, float(np.abs(np.subtract(ours[place][4:], row[4:])).max())))
    return pairs


def _iou(one: Sequence[float], other: Sequence[float]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared)


def _is_readable(path: Path) -> bool:
    try:
        read_rgb(path)
    except DataError:
        return False
    return True


if __name__ == "__main__":
    answer(measure)
