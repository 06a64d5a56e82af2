"""`fer distill`: train a compact landmark branch from a landmark network's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import options


def distill(
    teacher: Annotated[Path, typer.Argument(help="Checkpoint of a 68-point MobileFaceNet.")],
    dataset: Annotated[str, typer.Argument(help="Data set name or folder; its labels are not used.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Part file to write.")] = Path("landmarks.safetensors"),
    data: Annotated[Path | None, typer.Option("--data", help="Folder of a data set that is given by name.")] = None,
    model: Annotated[str, typer.Option("--model", help="Model preset the branch is for.")] = "btn-compact",
    images: Annotated[
        int | None, typer.Option("--images", min=1, help="Train on that many images, drawn at random; left out: all.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the training images.")] = 8,
    batch_size: options.BatchSize = 64,
    seed: Annotated[int, typer.Option("--seed", help="Seed of every random draw.")] = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Train the landmark branch of a compact model to find the points that a larger landmark network finds.

    Example:

      fer distill mobilefacenet_68.pt data/ferplus --out landmarks.safetensors
    """
    from fercli.cli import console
    from fercli.config.presets import model_preset
    from fercli.data.open import open_dataset
    from fercli.train.distill import distill as run

    with console.progress("distill", quiet=quiet) as progress:
        result = run(
            teacher,
            open_dataset(dataset, data),
            out=out,
            model=model_preset(model),
            images=images,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            device=device,
            overwrite=overwrite,
            progress=progress,
        )
    console.show(
        f"{result.out}: {result.images} images, {result.epochs} epochs, "
        f"mean error {100 * result.error:.2f} % of the distance of the outer eye corners on held-out images"
    )
