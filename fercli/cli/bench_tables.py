"""The tables of `fer bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercli.cli import console
from fercli.formatting import percent, pluralize

if TYPE_CHECKING:
    from fercli.bench.faces import FacesBench
    from fercli.bench.models import ModelsBench
    from fercli.bench.train import TrainBench
    from fercli.bench.video import VideoBench


def show_faces(result: FacesBench) -> None:
    """Print the detectors, and the pictures in which MTCNN and facenet-pytorch differ."""
    rows = [
        [
            run.name,
            run.faces,
            run.pictures_without,
            *(f"{rate:.2f}" for rate in run.images_per_s),
            f"{run.speed_ratio:.2f}",
            f"{run.processor_ms:.0f} ms",
            _megabytes(run.peak_mb),
        ]
        for run in result.runs
    ]
    columns = ["detector", "faces", "no face", "images/s (median)", "min", "max", "speed-up", "CPU time", "peak memory"]
    title = f"{pluralize(result.images, 'picture')}, {result.device}, {pluralize(result.threads, 'thread')}"
    console.show(console.table(title, columns, rows))
    console.show(
        f"mtcnn and facenet-pytorch: lowest overlap of a box {result.worst_iou:.4f}, "
        f"largest landmark difference {result.worst_px:.3f} px"
    )
    for name in result.different:
        console.show(f"mtcnn and facenet-pytorch find different faces: {name}")


def show_video(result: VideoBench) -> None:
    """Print every setting, and the time of its stages."""
    rows = [
        [
            run.name,
            run.frames,
            f"{run.frames_per_s:.1f}",
            f"{run.processor_ms:.1f} ms",
            _megabytes(run.peak_mb),
            _share(run.faces_missed),
            _share(run.faces_added),
            _share(run.landmark_error),
            _share(run.same_label),
        ]
        for run in result.runs
    ]
    columns = [
        "",
        "frames",
        "frames/s",
        "CPU time",
        "peak memory",
        "missed",
        "added",
        "landmark error",
        "same label",
    ]
    console.show(
        console.table(f"{result.video}, {result.device}, {pluralize(result.threads, 'thread')}", columns, rows)
    )
    for run in result.runs:
        stages = ", ".join(f"{name} {1000 * seconds / run.frames:.1f}" for name, seconds in run.stages_s.items())
        console.show(f"{run.name}: milliseconds per frame: {stages}")


def show_models(result: ModelsBench) -> None:
    """Print a row for every model, format and batch size."""
    rows = [
        [
            row.model,
            row.format,
            row.precision,
            row.device,
            row.batch,
            f"{row.size_mb:.1f} MB",
            _share(row.accuracy),
            f"{row.ms_per_face:.1f} ({row.spread_ms[0]:.1f}-{row.spread_ms[1]:.1f})",
            f"{row.faces_per_s:.1f}",
            f"{row.times_reference:.2f}",
            _megabytes(row.peak_mb),
            percent(row.share, 0),
        ]
        for row in result.rows
    ]
    columns = ["model", "format", "precision", "device", "batch", "size", "accuracy", "ms/face", "faces/s"]
    columns += ["speed-up", "memory", "of peak"]
    title = f"{pluralize(result.threads, 'thread')}, {result.peak_gflops:.0f} GFLOP/s in a float32 matrix product"
    console.show(console.table(title, columns, rows))


def show_train(result: TrainBench) -> None:
    """Print the training steps beside the reference step."""
    slowest = result.steps[0].seconds[0]
    rows = [
        [
            step.name,
            *(f"{seconds:.2f}" for seconds in step.seconds),
            f"{slowest / step.seconds[0]:.2f}",
            f"{step.cpu_s:.2f}",
            _megabytes(step.peak_mb),
            f"{step.cosine:.6f}",
        ]
        for step in result.steps
    ]
    columns = [
        "step",
        "seconds (median)",
        "min",
        "max",
        "speed-up",
        "CPU seconds",
        "peak memory",
        "gradient",
    ]
    title = (
        f"{result.model}, {pluralize(result.batch, 'image')}, {result.device}, {pluralize(result.threads, 'thread')}"
    )
    console.show(console.table(title, columns, rows))
    console.show("gradient: cosine similarity with the gradient of the reference step")


def _megabytes(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f} MB"


def _share(value: float | None) -> str | None:
    return None if value is None else percent(value, 1)
