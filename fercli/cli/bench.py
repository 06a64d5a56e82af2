"""`fer bench`: measure speed, memory and accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import console, options
from fercli.cli.bench_tables import show_faces, show_models, show_train, show_video
from fercli.formatting import pluralize

Rounds = Annotated[int, typer.Option("--rounds", min=1, help="Number of measurements of each variant, in turns.")]


def faces(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with photos, at any depth.")],
    *,
    min_face: options.MinFace = options.MIN_FACE,
    device: options.Device = "cpu",
    rounds: Rounds = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare the face detectors with facenet-pytorch on photos: faces, speed and memory.

    All run on the same device, on the CPU with the same number of threads (FER_THREADS), each time in a fresh process.
    Reading is not timed.

    Example:

      fer bench faces photos
    """
    from fercli.bench.faces import bench_faces

    with console.progress("bench", quiet=quiet) as progress:
        result = bench_faces(folder, min_face_px=min_face, device=device, rounds=rounds, progress=progress)
    if json:
        console.json_line(result)
    else:
        show_faces(result)


def video(
    file: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video with faces.")],
    *,
    weights: options.Weights = None,
    min_face: options.VideoMinFace = None,
    device: options.Device = "cpu",
    rounds: Rounds = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure a video frame by frame, five times in a row, with an annotated copy, and detecting every 2nd to 10th frame.

    Every setting runs in a fresh process; two use MTCNN, from this package and from facenet-pytorch. Detecting in fewer
    frames is compared with every frame.

    Example:

      fer bench video clip.mp4
    """
    from fercli.bench.video import bench_video

    with console.progress("bench", quiet=quiet) as progress:
        result = bench_video(
            file, weights=weights, min_face_px=min_face, device=device, rounds=rounds, progress=progress
        )
    if json:
        console.json_line(result)
    else:
        show_video(result)


def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Presets (with random weights), shipped names or .safetensors files. Default: fer-compact btn-base.",
        ),
    ] = None,
    *,
    faces: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Face crops for comparing files with torch and for calibrating int8."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Data set whose test split gives the accuracy of trained models.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Precisions of ONNX files: fp32, fp16, int8. Default: fp32, plus fp16 on a GPU or int8 with --faces.",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=1, help="Batch size; repeatable. Default: 1 and 16."),
    ] = None,
    device: options.Device = "cpu",
    rounds: Rounds = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure models in torch and as ONNX files: accuracy, milliseconds per face, memory, share of the device's peak.

    The first row of a model is the public baseline's implementation in torch, with the same weights.

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
        show_models(result)


def train(
    *,
    model: Annotated[str, typer.Option("--model", help="Model preset.")] = "btn-base",
    recipe: Annotated[str, typer.Option("--recipe", help="Training recipe.")] = "rafdb",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images of the step.")] = 16,
    tries: Annotated[
        list[str] | None,
        typer.Option("--try", metavar="NAME=VALUE", help="A setting to measure too, such as compile=true; repeatable."),
    ] = None,
    rounds: Rounds = 3,
    device: options.Device = "auto",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare a training step with a reference step: time, memory, and whether both compute the same gradient.

    The reference step runs everything twice for SAM, including the landmark branch with its unused head, with explicit
    attention and images in the default memory format. --try shows whether a setting of the recipe helps on this machine.

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
        show_train(result)


def gpu(
    videos: Annotated[
        list[Path] | None, typer.Argument(metavar="VIDEO", help="Videos to predict on the GPU and on the CPU.")
    ] = None,
    *,
    device: options.Device = "cuda",
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, metavar="S", help="Skip the steps that would start later.")
    ] = 600.0,
    quiet: options.Quiet = False,
) -> None:
    """Check training and prediction on a GPU, and print one JSON object with a result or an error for every step.

    Versions, attention kernels, batch invariance with and without TF32, input shapes of the detector and the classifier,
    training steps in three precisions, and videos. With --device cpu the sizes are small.

    Example:

      fer bench gpu clip.mp4 > gpu.json
    """
    from fercli.bench.gpu import check_gpu

    with console.progress("bench", quiet=quiet) as progress:
        result = check_gpu(device, videos=videos or (), budget_s=seconds, progress=progress)
    console.json_line(result)


def start(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A picture with a face.")],
    *,
    weights: options.Weights = None,
    rounds: Rounds = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Time `fer predict PICTURE` in a fresh process, from the start of Python to its end.

    After the first round, files may be in the system's cache.

    Example:

      fer bench start docs/images/astronaut.jpg
    """
    from fercli.bench.start import bench_start

    with console.progress("bench", quiet=quiet) as progress:
        result = bench_start(picture, weights=weights, rounds=rounds, progress=progress)
    if json:
        console.json_line(result)
        return
    rows = [[*(f"{seconds:.2f} s" for seconds in result.seconds), _seconds(result.processor_s)]]
    title = f"fer predict {picture}, {pluralize(rounds, 'round')}"
    console.show(console.table(title, ["median", "min", "max", "CPU time"], rows))


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} s"
