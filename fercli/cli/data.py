"""`fer data`: bring data sets into the form the other commands read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options
from fercli.formatting import percent, pluralize

if TYPE_CHECKING:
    from fercli.data.check import CheckResult
    from fercli.data.duplicates import Duplicates
    from fercli.data.prepare import PrepareResult


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
    from fercli.data import prepare as step

    with console.progress(f"prepare {kind}", quiet=quiet) as progress:
        result = step.prepare(csv, out, ferplus=ferplus, labels=labels, overwrite=overwrite, progress=progress)
    if json:
        console.json_line(result)
    else:
        _show(result)


def check(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Data set by name (rafdb, affectnet8, ...), or a folder of class folders."),
    ],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where the named data set lies [data/NAME].")
    ] = None,
    *,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="csv file with the hash of every picture [NAME.manifest.csv]; one that is there is compared with.",
        ),
    ] = None,
    faces: Annotated[
        int, typer.Option("--faces", min=0, help="Crops to look for a face in, to tell how they are aligned; 0: none.")
    ] = 200,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare a data set with what is published of it, and find broken pictures, copies and faces out of place.

    Reads every picture once and writes a manifest with their hashes. With a manifest from before, tells what has
    changed since. Ends with exit code 3 if something is wrong.

    Example:

      fer data check rafdb ~/rafdb
    """
    from fercli.data.check import check as step
    from fercli.errors import ExitCode

    with console.progress(f"check {name}", quiet=quiet) as progress:
        result = step(
            name, folder, manifest=manifest, overwrite=overwrite, faces=faces, device=device, progress=progress
        )
    if json:
        console.json_line(asdict(result) | {"errors": result.errors})
    else:
        _show_check(result)
    if result.errors or (strict and result.findings):
        raise typer.Exit(ExitCode.DATA)


def _show_check(result: CheckResult) -> None:
    known = result.published
    columns = [*result.labels, "total"]
    rows: list[list[object]] = []
    for split, counts in result.counts.items():
        rows.append([split, "found", *counts.values(), sum(counts.values())])
        if known and split in known.counts:
            rows.append([split, "published", *known.counts[split].values(), sum(known.counts[split].values())])
    if known and known.total:
        sums = [sum(counts[label] for counts in result.counts.values()) for label in result.labels]
        rows.append(["all", "found", *sums, sum(sums)])
        rows.append(["all", "published", *known.total.values(), sum(known.total.values())])
    console.show(console.table(f"{result.name}: {result.root}", ["split", "", *columns], rows))
    if known and known.note:
        console.show(f"{known.note}\n")
    also_in_train = _also_in_train(result.duplicates)
    facts = [
        ("pictures read", f"{result.pictures}, unreadable {result.unreadable}"),
        ("duplicates", f"{result.duplicates.groups} pictures occur more than once; {also_in_train}"),
        ("faces", _faces(result)),
        ("lists", f"fingerprint {result.fingerprint}"),
        ("manifest", f"{result.manifest}, sha256 {result.manifest_sha256}"),
    ]
    console.show(console.table(None, ("what", "found"), facts))
    for finding in result.findings:
        console.show(f"{finding.severity}: {finding.message}")
    warnings = len(result.findings) - result.errors
    console.show(f"{pluralize(result.errors, 'error')}, {pluralize(warnings, 'warning')}")


def _faces(result: CheckResult) -> str:
    position = result.position
    if position is None:
        return f"none detected in {result.searched} crops" if result.searched else "not searched"
    how = "aligned" if position.aligned else "not aligned"
    spread, distance = percent(position.spread, 1), percent(position.distance, 1)
    return (
        f"detected in {position.faces} of {result.searched} crops, {how} (landmarks scatter by {spread} of the "
        f"side), nearest template {position.template} (distance {distance})"
    )


def _show(result: PrepareResult) -> None:
    columns = [*result.labels, "total"]
    rows = [[split, *counts.values(), result.total[split]] for split, counts in result.counts.items()]
    console.show(console.table(f"{result.name}: {result.root}", ["split", *columns], rows))
    reasons = sorted({reason for split in result.excluded.values() for reason in split})
    if reasons:
        left = [[split, *(found.get(reason, 0) for reason in reasons)] for split, found in result.excluded.items()]
        names = [reason.replace("_", " ") for reason in reasons]
        console.show(console.table("Images without a label", ["split", *names], left))
    duplicates = result.duplicates
    console.show(
        f"{duplicates.groups} pictures occur more than once, {duplicates.conflicting} of them with different labels; "
        f"{_also_in_train(duplicates)}"
    )


def _also_in_train(duplicates: Duplicates) -> str:
    counts = " and ".join(f"{count} {split}" for split, count in duplicates.in_train.items())
    return f"{counts} images also occur in train"
