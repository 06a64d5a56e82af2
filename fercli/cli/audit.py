"""`fer audit`: rank training labels by how doubtful they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.formatting import in_percent, percent, pluralize

if TYPE_CHECKING:
    from fercli.explain.audit import AuditResult


def audit(
    weights: Annotated[
        str,
        typer.Argument(
            metavar="RUN|WEIGHTS",
            callback=options.one_seed,
            help="Folder of a run trained on this data; weights files lack the batch transformer.",
        ),
    ],
    data: options.DataSet,
    *,
    folder: options.DataFolder = None,
    out: Annotated[
        Path | None, options.new_folder("audit.csv, audit.json and contact sheets (default: runs/audit)")
    ] = None,
    split: options.Split = "train",
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            metavar="DATA",
            help="A data set with the same images and better labels (a folder, a name, or NAME=DIR), to score the "
            "ranking.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="SIGNAL",
            help="loss, disagreement, batch, batch_labels or votes; several are averaged (default: loss and votes).",
        ),
    ] = None,
    show: Annotated[int, typer.Option("--show", min=1, help="Number of images on the contact sheets.")] = 200,
    accept: Annotated[
        int, typer.Option("--accept", min=0, help="Take the suggestion as the new label of the first N rows.")
    ] = 0,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Number of random batches per image for the signals from the batch.")
    ] = 8,
    batch_size: Annotated[int, typer.Option("--batch-size", min=2, help="Images per random batch.")] = 256,
    seed: Annotated[int, options.seed_of("the random batches")] = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Rank training images by how doubtful their label is; write contact sheets and a csv for `fer train --relabel`.

    Example:

      fer audit runs/ferplus-btn-compact data/ferplus --out runs/audit
    """
    from fercli.explain import audit as step

    choices = step.AuditOptions(
        split=split,
        by=tuple(by) if by else step.RANKED_BY,
        rounds=rounds,
        batch_size=batch_size,
        show=show,
        accept=accept,
        seed=seed,
        device=device,
    )
    with console.progress("audit", quiet=quiet) as progress:
        result = step.audit(
            weights,
            data,
            out or Path("runs") / "audit",
            choices,
            folder=folder,
            truth=truth,
            overwrite=overwrite,
            progress=progress,
        )
    for remark in result.remarks:
        console.warn(remark)
    console.json_line(result) if json else _show(result)


def _show(result: AuditResult) -> None:
    console.show(f"{pluralize(result.images, 'image')} of {result.data}, ranked by {', '.join(result.ranked_by)}")
    if result.wrong is not None:
        depths = list(result.rankings[0].precision)
        rows = [
            (
                ranking.ranking,
                *(in_percent(ranking.precision[depth], 1) for depth in depths),
                in_percent(ranking.average_precision, 1),
            )
            for ranking in result.rankings
        ]
        wrong = f"{percent(result.wrong, 1)} of {pluralize(result.checked, 'label')} with a truth are wrong"
        columns = ("ranking", *(f"precision at {depth} %" for depth in depths), "average precision %")
        console.show(console.table(f"Precision among the most doubtful labels; {wrong}", columns, rows))
    console.show(
        f"{result.folder / 'audit.csv'}\nnext: fill in its column new_label, then fer train DATA --relabel CSV"
    )
