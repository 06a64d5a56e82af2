"""Measure the speed, memory and results of `fer predict` on a video with several settings."""

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

from fercli.bench import facenet
from fercli.bench.isolated import Measurement, run_isolated, write_measurement
from fercli.config.detect import DetectConfig
from fercli.errors import DataError
from fercli.faces.detector import FaceDetector, open_detector
from fercli.media.sources import find_sources
from fercli.predict.annotated_copies import AnnotatedCopies
from fercli.predict.options import PredictOptions
from fercli.predict.predict import predict
from fercli.progress import Progress, silent
from fercli.system.devices import cpu_threads, torch_name
from fercli.system.packages import is_installed
from fercli.system.stopwatch import Stopwatch
from fercli.weights.classifier import load_classifier

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "every frame": {},
    "every frame, five times in a row": {"times": 5},
    "every frame, annotated copy": {"write": True},
    "every frame, mtcnn": {"detector": "mtcnn"},
    "every frame, facenet-pytorch": {"detector": facenet.NAME},
    "detect every 2nd frame": {"detect_every": 2},
    "detect every 5th frame": {"detect_every": 5},
    "detect every 10th frame": {"detect_every": 10},
}


@dataclass(frozen=True)
class VideoRun:
    """The video with one setting.

    processor_ms: CPU time of all threads per frame, median; other load on the machine affects it less.
    frames_per_s: from opening the video to the last prediction, without loading models; median of the rounds.
    stages_s: seconds of each stage in the median round; decoding runs in parallel. Differences from detecting in every
    frame, None where every frame is used: faces_missed and faces_added as shares of the faces, landmark_error the mean
    distance of a landmark as a share of the distance between the eyes, same_label the share of faces with the same label.
    """

    name: str
    frames: int
    frames_per_s: float
    peak_mb: float | None
    processor_ms: float
    stages_s: Mapping[str, float]
    faces_missed: float | None = None
    faces_added: float | None = None
    landmark_error: float | None = None
    same_label: float | None = None


@dataclass(frozen=True)
class VideoBench:
    """A video with every setting. device: of the detector and the classifier."""

    video: Path
    threads: int
    device: str
    weights: str | None
    runs: tuple[VideoRun, ...]


def bench_video(
    video: Path,
    *,
    weights: str | None = None,
    min_face_px: int | None = None,
    device: str = "cpu",
    rounds: int = 3,
    progress: Progress = silent,
) -> VideoBench:
    """Process a video with every setting in turn, each in a fresh process; facenet-pytorch only where it is installed.

    Raises: DataError if the video is unreadable.
    """
    [source] = find_sources([str(video)])
    if source.fault or source.kind != "video":
        raise DataError(f"{video}: {source.fault or 'not a video'}", fix="give the path of a video")
    peer = is_installed("torch") and is_installed("facenet_pytorch")
    names = [name for name, setting in SETTINGS.items() if peer or setting.get("detector") != facenet.NAME]
    measurements: dict[str, list[Measurement]] = {name: [] for name in names}
    total = rounds * len(names)
    for turn in range(total):
        name = names[turn % len(names)]
        progress(turn, total, name)
        task = {"name": name, "video": str(video), "weights": weights, "min_face_px": min_face_px, "device": device}
        task |= SETTINGS[name]
        measurements[name].append(run_isolated("fercli.bench.video", task))
    every = measurements["every frame"][0].value["faces"]
    runs = tuple(_run(name, results, every) for name, results in measurements.items())
    return VideoBench(video, cpu_threads(), measurements["every frame"][0].value["device"], weights, runs)


def measure_video(
    *,
    name: str,  # noqa: ARG001 (for the message if it fails)
    video: str,
    weights: str | None,
    min_face_px: int | None,
    device: str = "cpu",
    times: int = 1,
    detector: str = DetectConfig.detector,
    detect_every: int = 1,
    write: bool = False,
) -> dict[str, Any]:
    """Process a video `times` in a row; if once, return the landmarks and label of each face per frame."""
    sources = find_sources([video])
    peer = detector == facenet.NAME
    config = DetectConfig(detector=DetectConfig.detector if peer else detector).with_min_face(min_face_px)
    options = PredictOptions(config, detect_every=detect_every)
    classifier = load_classifier(weights, "auto", device)
    face_detector = _peer(config, classifier.device) if peer else open_detector(config, device)
    watch, used, frames = Stopwatch(), process_time(), 0
    faces: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        copies = AnnotatedCopies(Path(folder), sources) if write else None
        with copies or nullcontext():
            for reading in predict(
                sources * times, classifier, detector=face_detector, options=options, watch=watch, pixels=write
            ):
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
        "device": classifier.device,
    }


def _peer(config: DetectConfig, device: str) -> FaceDetector:
    return facenet.FacenetDetector(config.video_min_face_px, torch_name(device))


def _run(name: str, measurements: Sequence[Measurement], every: Sequence[Any]) -> VideoRun:
    rates = [measurement.value["frames"] / measurement.value["seconds"] for measurement in measurements]
    median_round = measurements[int(np.argsort(rates)[len(rates) // 2])].value
    peaks = [measurement.peak_mb for measurement in measurements if measurement.peak_mb is not None]
    errors = _errors(median_round["faces"], every) if "detect_every" in SETTINGS[name] else {}
    return VideoRun(
        name,
        median_round["frames"],
        median(rates),
        max(peaks, default=None),
        median(1000 * measurement.value["processor_s"] / measurement.value["frames"] for measurement in measurements),
        {stage: round(seconds, 3) for stage, seconds in median_round["stages_s"].items()},
        **errors,
    )


def _errors(frames: Sequence[Any], every: Sequence[Any]) -> dict[str, float]:
    """Compare the faces of each frame with those that the detector finds there."""
    missed = added = total = 0
    distances, same = [], []
    for faces, expected in zip(frames, every, strict=True):
        unmatched = list(faces)
        for landmarks, label in expected:
            eyes = float(np.linalg.norm(np.subtract(landmarks[0], landmarks[1]))) or 1.0
            gaps = [np.linalg.norm(np.subtract(other[0], landmarks), axis=1).mean() / eyes for other in unmatched]
            total += 1
            if not gaps or min(gaps) > 1:
                missed += 1
                continue
            nearest = int(np.argmin(gaps))
            distances.append(float(gaps[nearest]))
            same.append(unmatched.pop(nearest)[1] == label)
        added += len(unmatched)
    return {
        "faces_missed": missed / max(total, 1),
        "faces_added": added / max(total, 1),
        "landmark_error": float(np.mean(distances)) if distances else 0.0,
        "same_label": float(np.mean(same)) if same else 1.0,
    }


if __name__ == "__main__":
    write_measurement(measure_video)
