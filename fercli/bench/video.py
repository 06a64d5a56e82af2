"""A video in, how fast, in how much memory and how exactly it is read out, for several ways of reading it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np

from fercli.bench.isolated import Answer, answer, run_isolated
from fercli.config.detect import DetectConfig
from fercli.errors import DataError
from fercli.faces.detector import open_detector
from fercli.media.sources import find_sources
from fercli.predict.annotated_copies import AnnotatedCopies
from fercli.predict.options import PredictOptions
from fercli.predict.predict import predict
from fercli.progress import Progress, silent
from fercli.system.devices import cpu_threads
from fercli.system.stopwatch import Stopwatch
from fercli.weights.classifier import load_classifier

_WAYS: Mapping[str, Mapping[str, Any]] = {
    "every frame": {},
    "every frame, five times as long": {"times": 5},
    "every frame, annotated copy written": {"write": True},
    "search every 2nd frame": {"detect_every": 2},
    "search every 5th frame": {"detect_every": 5},
    "search every 10th frame": {"detect_every": 10},
}


@dataclass(frozen=True)
class Way:
    """One way of reading the video.

    processor_ms: of all threads together for a frame, median; other work on the machine changes it less.
    frames_per_s: from opening to the last answer, models loaded before; median of the rounds. stages_s: seconds of the
    median round; reading goes on beside the others. Errors against reading every frame, None where that is what is
    done: faces_missed and faces_added as shares, points_px the mean distance of a landmark as a share of the distance
    of the eyes, same_label the share of faces that keep their expression.
    """

    name: str
    frames: int
    frames_per_s: float
    peak_mb: float | None
    processor_ms: float
    stages_s: Mapping[str, float]
    faces_missed: float | None = None
    faces_added: float | None = None
    points_error: float | None = None
    same_label: float | None = None


@dataclass(frozen=True)
class VideoBench:
    video: Path
    threads: int
    weights: str | None
    ways: tuple[Way, ...]


def bench_video(
    video: Path,
    *,
    weights: str | None = None,
    min_face_px: int | None = None,
    rounds: int = 3,
    progress: Progress = silent,
) -> VideoBench:
    """Read a video in every way, the ways taking turns, each time in a fresh process; DataError if it is unreadable."""
    [source] = find_sources([str(video)])
    if source.fault or source.kind != "video":
        raise DataError(f"{video}: {source.fault or 'not a video'}", fix="give the path of a video")
    answers: dict[str, list[Answer]] = {name: [] for name in _WAYS}
    total = rounds * len(_WAYS)
    for turn in range(total):
        name = list(_WAYS)[turn % len(_WAYS)]
        progress(turn, total, name)
        task = {"side": name, "video": str(video), "weights": weights, "min_face_px": min_face_px, **_WAYS[name]}
        answers[name].append(run_isolated("fercli.bench.video", task))
    every = answers["every frame"][0].value["faces"]
    ways = tuple(_way(name, of_way, every) for name, of_way in answers.items())
    return VideoBench(video, cpu_threads(), weights, ways)


def measure(
    *,
    side: str,  # noqa: ARG001 (for the message if it fails)
    video: str,
    weights: str | None,
    min_face_px: int | None,
    times: int = 1,
    detect_every: int = 1,
    write: bool = False,
) -> dict[str, Any]:
    """Read a video so many times in a row; per frame the landmarks and label of each face, if it is once."""
    sources = find_sources([video])
    classifier, detector = load_classifier(weights, "auto", "cpu"), open_detector(device="cpu")
    watch, used, frames = Stopwatch(), process_time(), 0
    faces: list[list[Any]] = []
    options = PredictOptions(DetectConfig().with_min_face(min_face_px), detect_every=detect_every)
    with tempfile.TemporaryDirectory() as folder:
        copies = AnnotatedCopies(Path(folder), sources) if write else None
        with copies or nullcontext():
            for reading in predict(sources * times, classifier, detector=detector, options=options, watch=watch):
                frames += 1
                if frames > len(faces) and times == 1:
                    faces.append(
                        [(face.detection.landmarks, face.label) for face in reading.predictions if face.detection]
                    )
                if copies and reading.rgb is not None:
                    with watch.stage("write"):
                        copies.add(reading.source, reading.rgb, reading.predictions, time_s=reading.time_s)
        total_s, processor_s = watch.total_s, process_time() - used
    return {
        "frames": frames,
        "seconds": total_s,
        "processor_s": processor_s,
        "stages_s": watch.seconds,
        "faces": faces,
    }


def _way(name: str, answers: Sequence[Answer], every: Sequence[Any]) -> Way:
    rates = [found.value["frames"] / found.value["seconds"] for found in answers]
    middle = answers[int(np.argsort(rates)[len(rates) // 2])].value
    peaks = [found.peak_mb for found in answers if found.peak_mb is not None]
    errors = _errors(middle["faces"], every) if "detect_every" in _WAYS[name] else {}
    return Way(
        name,
        middle["frames"],
        median(rates),
        max(peaks) if peaks else None,
        median(1000 * found.value["processor_s"] / found.value["frames"] for found in answers),
        {stage: round(seconds, 3) for stage, seconds in middle["stages_s"].items()},
        **errors,
    )


def _errors(frames: Sequence[Any], every: Sequence[Any]) -> dict[str, float]:
    """Compare the faces of each frame with those found by searching it."""
    missed = added = found = 0
    distances, same = [], []
    for faces, expected in zip(frames, every, strict=True):
        left = list(faces)
        for points, label in expected:
            eyes = float(np.linalg.norm(np.subtract(points[0], points[1]))) or 1.0
            gaps = [np.linalg.norm(np.subtract(other[0], points), axis=1).mean() / eyes for other in left]
            found += 1
            if not gaps or min(gaps) > 1:
                missed += 1
                continue
            nearest = int(np.argmin(gaps))
            distances.append(float(gaps[nearest]))
            same.append(left.pop(nearest)[1] == label)
        added += len(left)
    return {
        "faces_missed": missed / max(found, 1),
        "faces_added": added / max(found, 1),
        "points_error": float(np.mean(distances)) if distances else 0.0,
        "same_label": float(np.mean(same)) if same else 1.0,
    }


if __name__ == "__main__":
    answer(measure)
