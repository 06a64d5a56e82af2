"""`fer data`: bring data sets into the form the other commands read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.steps.prepare import Prepared


def prepare(
    kind: Annotated[Literal["fer2013"], typer.Argument(metavar="fer2013", help="Which data set the csv file is.")],
    csv: Annotated[Path, typer.Argument(metavar="FER2013.csv", help="The official csv file: emotion,pixels,Usage.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make: train, val and test with their classes.")],
    *,
    ferplus: Annotated[
        Path | None,
        typer.Option("--ferplus", metavar="FER2013NEW.csv", help="FERPlus' votes, which give better labels."),
    ] = None,
    labels: Annotated[
        Literal["majority", "original"] | None,
        typer.Option(
            "--labels",
            help="FERPlus' majority rule (the default with --ferplus) or the owner's labels (the default without).",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Turn FER2013's csv file into image folders with a table of labels, votes and duplicates.

    Training, PublicTest and PrivateTest become train, val and test. With --ferplus, images without a winning class
    are kept apart in OUT/unlabelled, and pictures that show no face are left out.

    Example:

      fer data prepare fer2013 fer2013.csv data/ferplus --ferplus fer2013new.csv
    """
    from fercli.steps import prepare as step

    with console.progress(f"prepare {kind}", quiet=quiet) as progress:
        result = step.prepare(csv, out, ferplus=ferplus, labels=labels, overwrite=overwrite, progress=progress)
    if json:
        console.json_line(result)
    else:
        _show(result)


def _show(result: Prepared) -> None:
    columns = [*result.labels, "total"]
    rows = [[split, *counts.values(), result.total[split]] for split, counts in result.counts.items()]
    console.show(console.table(f"{result.name}: {result.root}", ["split", *columns], rows))
    reasons = sorted({reason for split in result.excluded.values() for reason in split})
    if reasons:
        left = [[split, *(found.get(reason, 0) for reason in reasons)] for split, found in result.excluded.items()]
        names = [reason.replace("_", " ") for reason in reasons]
        console.show(console.table("Images without a label", ["split", *names], left))
    copies = result.duplicates
    console.show(
        f"{copies.groups} pictures occur more than once, {copies.conflicting} of them with different labels; "
        f"{copies.val_in_train} val and {copies.test_in_train} test images also occur in train."
    )
