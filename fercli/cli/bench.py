"""`fer bench`: figures that anyone can repeat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.bench.faces import FacesBench
    from fercli.bench.models import ModelsBench
    from fercli.bench.train import TrainBench
    from fercli.bench.video import VideoBench

Rounds = Annotated[int, typer.Option("--rounds", min=1, help="How often each side is measured, taking turns.")]


def faces(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with photos, at any depth.")],
    *,
    min_face: options.MinFace = 20,
    rounds: Rounds = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find the faces of photos with this product and with facenet-pytorch: same answers, how fast, in what memory.

    Both run on the CPU with the same threads (FER_THREADS), each time in a fresh process; reading is not counted.

    Example:

      fer bench faces photos
    """
    from fercli.bench.faces import bench_faces

    with console.progress("bench", quiet=quiet) as progress:
        result = bench_faces(folder, min_face_px=min_face, rounds=rounds, progress=progress)
    if json:
        console.json_line(result)
    else:
        _show_faces(result)


def video(
    file: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video with faces.")],
    *,
    weights: options.Weights = None,
    min_face: options.VideoMinFace = None,
    rounds: Rounds = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read a video frame by frame, five times in a row, with a copy written, and with a search every 2nd to 10th frame.

    On the CPU, each time in a fresh process. Searching fewer frames is compared with searching all of them.

    Example:

      fer bench video clip.mp4
    """
    from fercli.bench.video import bench_video

    with console.progress("bench", quiet=quiet) as progress:
        result = bench_video(file, weights=weights, min_face_px=min_face, rounds=rounds, progress=progress)
    if json:
        console.json_line(result)
    else:
        _show_video(result)


def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Presets, which get random weights, shipped names or .safetensors files; left out: fer-compact btn-base.",
        ),
    ] = None,
    *,
    faces: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Face crops that files are compared on and int8 is calibrated on."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Data set whose test split gives the accuracy of trained models.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Precisions of ONNX files: fp32, fp16, int8. Left out: fp32, on a GPU fp16, else int8 with --faces.",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=1, help="Faces at once; several times for several. Left out: 1 and 16."),
    ] = None,
    device: options.Device = "cpu",
    rounds: Rounds = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure models as torch and as exported files: accuracy, milliseconds a face, memory, share of the device's peak.

    The first line of a model is the public baseline's way of computing it, written out in torch, with the same weights.

    Example:

      fer bench models --faces data/ferplus/val --data data/ferplus
    """
    from fercli.bench.models import bench_models

    with console.progress("bench", quiet=quiet) as progress:
        result = bench_models(
            names or ["fer-compact", "btn-base"],
            faces=faces,
            data=data,
            precisions=precision.split(",") if precision else None,
            batches=batch or (1, 16),
            device=device,
            rounds=rounds,
            progress=progress,
        )
    if json:
        console.json_line(result)
    else:
        _show_models(result)


def _show_models(result: ModelsBench) -> None:
    rows = [
        [
            row.model,
            row.format,
            row.precision,
            row.device,
            row.batch,
            f"{row.size_mb:.1f} MB",
            _share(row.accuracy),
            f"{row.ms_a_face:.1f} ({row.spread_ms[0]:.1f}-{row.spread_ms[1]:.1f})",
            f"{row.faces_per_s:.1f}",
            f"{row.times_reference:.2f}",
            _megabytes(row.peak_mb),
            f"{row.share:.0%}",
        ]
        for row in result.rows
    ]
    columns = ["model", "format", "precision", "device", "batch", "size", "accuracy", "ms/face", "faces/s"]
    columns += ["speed-up", "memory", "of peak"]
    title = f"{result.threads} threads, {result.peak_gflops:.0f} GFLOP/s in a float32 matrix product"
    console.show(console.table(title, columns, rows))


def train(
    *,
    model: Annotated[str, typer.Option("--model", help="Model preset.")] = "btn-base",
    recipe: Annotated[str, typer.Option("--recipe", help="Training recipe.")] = "rafdb",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images of the step.")] = 16,
    tries: Annotated[
        list[str] | None,
        typer.Option(
            "--try", metavar="NAME=VALUE", help="A setting to measure as well, such as compile=true; repeatable."
        ),
    ] = None,
    rounds: Rounds = 3,
    device: options.Device = "auto",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure a training step beside a straightforward one: seconds, memory, and whether both find the same gradient.

    The straightforward step runs everything twice for SAM, the landmark branch with its unused head included, with attention
    written out and pictures in the default memory order. --try tells whether an option of the recipe helps on this machine.

    Example:

      fer bench train --try amp=bf16 --try compile=true
    """
    from fercli.bench.train import bench_train

    with console.progress("bench", quiet=quiet) as progress:
        result = bench_train(
            model=model,
            recipe_name=recipe,
            batch=batch_size,
            rounds=rounds,
            tries=tries or (),
            device=device,
            progress=progress,
        )
    if json:
        console.json_line(result)
    else:
        _show_train(result)


def _show_train(result: TrainBench) -> None:
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
        "least",
        "most",
        "times as fast",
        "processor s",
        "peak memory",
        "same gradient",
    ]
    title = f"{result.model}, {result.batch} images, {result.device}, {result.threads} threads"
    console.show(console.table(title, columns, rows))
    console.show("same gradient: cosine with the straightforward step's")


def start(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A picture to read.")],
    *,
    weights: options.Weights = None,
    rounds: Rounds = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Time `fer predict PICTURE` from a cold start: from starting Python to its end, everything loaded anew.

    Files may still be in the system's cache, as they are after the first round.

    Example:

      fer bench start docs/images/astronaut.jpg
    """
    from fercli.bench.start import bench_start

    with console.progress("bench", quiet=quiet) as progress:
        result = bench_start(picture, weights=weights, rounds=rounds, progress=progress)
    if json:
        console.json_line(result)
        return
    median, least, most = result.seconds
    rows = [[f"{median:.2f} s", f"{least:.2f} s", f"{most:.2f} s", _seconds(result.processor_s)]]
    console.show(
        console.table(f"fer predict {picture}, {rounds} times", ["median", "least", "most", "processor time"], rows)
    )


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} s"


def _show_faces(result: FacesBench) -> None:
    rows = [
        [
            side.name,
            side.faces,
            *(f"{rate:.2f}" for rate in side.images_per_s),
            f"{side.processor_ms:.0f} ms",
            _megabytes(side.peak_mb),
        ]
        for side in result.sides
    ]
    columns = ["detector", "faces", "images/s (median)", "least", "most", "processor time", "peak memory"]
    console.show(console.table(f"{result.images} pictures, {result.threads} threads", columns, rows))
    console.show(
        f"{result.speed_ratio:.2f} times as fast; worst overlap of a box {result.worst_iou:.4f}, "
        f"worst landmark {result.worst_px:.3f} px away"
    )
    for name in result.different:
        console.show(f"different faces: {name}")


def _show_video(result: VideoBench) -> None:
    rows = [
        [
            way.name,
            way.frames,
            f"{way.frames_per_s:.1f}",
            f"{way.processor_ms:.1f} ms",
            _megabytes(way.peak_mb),
            _share(way.faces_missed),
            _share(way.faces_added),
            _share(way.points_error),
            _share(way.same_label),
        ]
        for way in result.ways
    ]
    columns = [
        "",
        "frames",
        "frames/s",
        "processor time",
        "peak memory",
        "missed",
        "added",
        "landmark error",
        "same expression",
    ]
    console.show(console.table(f"{result.video}, {result.threads} threads", columns, rows))
    for way in result.ways:
        stages = ", ".join(f"{name} {1000 * seconds / way.frames:.1f}" for name, seconds in way.stages_s.items())
        console.show(f"{way.name}: milliseconds a frame: {stages}")


def _megabytes(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f} MB"


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"
