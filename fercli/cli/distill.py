"""`fer distill`: train a compact landmark branch on the predictions of a landmark network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import options


def distill(
    teacher: Annotated[Path, typer.Argument(metavar="TEACHER", help="Checkpoint of a 68-point MobileFaceNet.")],
    dataset: Annotated[str, typer.Argument(metavar="DATA", help="Data set name or folder; its labels are not used.")],
    data: options.DataFolder = None,
    images: Annotated[
        int | None,
        typer.Option(
            "--images",
            min=1,
            help="Train on this many images, sampled at random (default: all).",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="Model preset that the branch is for.", rich_help_panel=options.MODEL)
    ] = "btn-compact",
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="Passes over the training images.", rich_help_panel=options.RUN)
    ] = 8,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Images per training step.", rich_help_panel=options.RUN)
    ] = 64,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random numbers.", rich_help_panel=options.RUN)] = 0,
    skip_unreadable: options.SkipUnreadable = False,
    device: options.Device = "auto",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Part file to write.", rich_help_panel=options.OUTPUT)
    ] = Path("landmarks.safetensors"),
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Train the landmark branch of a compact model to predict the points that a larger landmark network predicts.

    Example:

      fer distill mobilefacenet_68.pt data/ferplus --out landmarks.safetensors
    """
    from fercli.cli import console
    from fercli.config.presets import model_preset
    from fercli.data.open import open_dataset
    from fercli.data.training_changes import TrainingChanges, apply_changes
    from fercli.formatting import percent, pluralize
    from fercli.train.distill import DistillConfig
    from fercli.train.distill import distill as run_distillation

    with console.progress("distill", quiet=quiet) as progress:
        result = run_distillation(
            teacher,
            apply_changes(open_dataset(dataset, data), TrainingChanges(skip_unreadable=skip_unreadable)),
            out=out,
            model=model_preset(model),
            config=DistillConfig(images=images, epochs=epochs, batch_size=batch_size, seed=seed),
            device=device,
            overwrite=overwrite,
            progress=progress,
        )
    console.show(
        f"{result.out}: {pluralize(result.images, 'image')}, {pluralize(result.epochs, 'epoch')}, "
        f"mean error {percent(result.error, 2)} of the distance of the outer eye corners on held-out images"
    )
