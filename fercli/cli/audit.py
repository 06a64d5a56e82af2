"""`fer audit`: which training labels are doubtful."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.explain.audit import AuditResult


def audit(
    weights: Annotated[
        str,
        typer.Argument(metavar="RUN|WEIGHTS", help="Folder of a run trained on this data; weights have no batch part."),
    ],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Data set name (rafdb, ferplus, ...) or the folder of one.")
    ],
    *,
    folder: Annotated[
        Path | None, typer.Option("--data", help="Folder of a data set given by name [data/NAME].")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make [runs/audit].")] = None,
    split: Annotated[Literal["train", "val", "test"], typer.Option("--split", help="The images to rank.")] = "train",
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth", metavar="DATA", help="Folder of a data set with the same images and better labels: scores."
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="SIGN",
            help="loss, disagreement, mates, mate_labels or votes; several are averaged [loss and votes].",
        ),
    ] = None,
    show: Annotated[int, typer.Option("--show", min=1, help="How many faces go on the contact sheets.")] = 200,
    accept: Annotated[
        int, typer.Option("--accept", min=0, help="Fill in the suggestion as new label of the first N rows.")
    ] = 0,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Random batches in which each image's mates are asked.")
    ] = 8,
    batch_size: Annotated[int, typer.Option("--batch-size", min=2, help="Images of such a batch.")] = 256,
    seed: Annotated[int, typer.Option("--seed", help="Decides who is in a batch with whom.")] = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Rank training images by how doubtful their label is; leave a csv that `fer train --relabel` reads, and contact sheets.

    Example:

      fer audit runs/ferplus-btn-compact data/ferplus --out runs/audit
    """
    from fercli.explain import audit as step

    with console.progress("audit", quiet=quiet) as progress:
        result = step.audit(
            weights,
            data,
            out or Path("runs") / "audit",
            folder=folder,
            split=split,
            truth=truth,
            by=tuple(by) if by else step.RANKED_BY,
            rounds=rounds,
            batch=batch_size,
            show=show,
            accept=accept,
            seed=seed,
            device=device,
            overwrite=overwrite,
            progress=progress,
        )
    if not quiet:
        for remark in result.remarks:
            console.warn(remark)
    console.json_line(result) if json else _show(result)


def _show(result: AuditResult) -> None:
    console.show(f"{result.images} images of {result.data}, ranked by {', '.join(result.ranked_by)}")
    if result.wrong is not None:
        depths = list(result.scored[0].precision)
        rows = [
            (r.ranking, *(f"{100 * r.precision[d]:.1f}" for d in depths), f"{100 * r.average_precision:.1f}")
            for r in result.scored
        ]
        title = f"Wrong labels found, % of the first; {100 * result.wrong:.1f} % of {result.checked} images with a truth are wrong"
        console.show(console.table(title, ("ranking", *(f"at {d}" for d in depths), "average precision"), rows))
    console.show(
        f"{result.folder / 'audit.csv'}\nnext: fill in its column new_label, then fer train DATA --relabel CSV"
    )
