"""`fer data`: check and prepare data sets."""

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
    kind: Annotated[Literal["fer2013"], typer.Argument(metavar="fer2013", help="Data set of the csv file.")],
    csv: Annotated[
        Path, typer.Argument(metavar="FER2013.csv", help="Official csv file with the columns emotion,pixels,Usage.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Output folder with train, val and test.")],
    *,
    ferplus: Annotated[
        Path | None,
        typer.Option("--ferplus", metavar="FER2013NEW.csv", help="FERPlus' votes, for better labels."),
    ] = None,
    labels: Annotated[
        Literal["majority", "original"] | None,
        typer.Option(
            "--labels",
            help="FERPlus' majority rule (default with --ferplus) or the official labels (default without).",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert FER2013's csv file to image folders with a table of labels, votes and duplicates.

    Training, PublicTest and PrivateTest become train, val and test. With --ferplus, images without a winning class are
    written to OUT/unlabelled, and images of no face are omitted.

    Example:

      fer data prepare fer2013 fer2013.csv data/ferplus --ferplus fer2013new.csv
    """
    from fercli.data import prepare as step

    with console.progress(f"prepare {kind}", quiet=quiet) as progress:
        result = step.prepare(csv, out, ferplus=ferplus, labels=labels, overwrite=overwrite, progress=progress)
    if json:
        console.json_line(result)
    else:
        _show_prepared(result)


def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name of a data set (rafdb, affectnet8, ...), or a folder of class folders."
        ),
    ],
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder of the named data set (default: data/NAME).")
    ] = None,
    *,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="csv file with the hash of every picture (default: NAME.manifest.csv); an existing one is compared.",
        ),
    ] = None,
    faces: Annotated[
        int,
        typer.Option(
            "--faces", min=0, help="Number of crops in which a face is searched, to check their alignment; 0: none."
        ),
    ] = 200,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare a data set with its published counts, and find broken pictures, duplicates and unaligned faces.

    Every picture is read once, and a manifest with their hashes is written. With an existing manifest, changes since then
    are reported. The exit code is 3 if there are errors.

    Example:

      fer data check rafdb ~/rafdb
    """
    from fercli.data.check import check as step
    from fercli.errors import DataError

    with console.progress(f"check {name}", quiet=quiet) as progress:
        result = step(
            name, folder, manifest=manifest, overwrite=overwrite, faces=faces, device=device, progress=progress
        )
    if json:
        console.json_line(asdict(result) | {"errors": result.errors})
    else:
        _show_check(result)
    counted = [finding for finding in result.findings if strict or finding.severity == "error"]
    if counted:
        more = f", and {len(counted) - 1} more" if len(counted) > 1 else ""
        raise DataError(
            f"{result.root}: {counted[0].message}{more}", fix="correct what is listed, or get the data set again"
        )


def _show_check(result: CheckResult) -> None:
    published = result.published
    columns = [*result.labels, "total"]
    rows: list[list[object]] = []
    for split, counts in result.counts.items():
        rows.append([split, "counted", *counts.values(), sum(counts.values())])
        if published and split in published.counts:
            expected = published.counts[split].values()
            rows.append([split, "published", *expected, sum(expected)])
    if published and published.total:
        sums = [sum(counts[label] for counts in result.counts.values()) for label in result.labels]
        rows.append(["all", "counted", *sums, sum(sums)])
        rows.append(["all", "published", *published.total.values(), sum(published.total.values())])
    console.show(console.table(f"{result.name}: {result.root}", ["split", "", *columns], rows))
    if published and published.note:
        console.show(f"{published.note}\n")
    also_in_train = _also_in_train(result.duplicates)
    facts = [
        ("pictures read", f"{result.pictures:,}, unreadable {result.unreadable:,}"),
        ("duplicates", f"{_repeated(result.duplicates)}; {also_in_train}"),
        ("faces", _faces(result)),
        ("lists", f"fingerprint {result.fingerprint}"),
        ("manifest", f"{result.manifest}, sha256 {result.manifest_sha256}"),
    ]
    console.show(console.table(None, ("check", "result"), facts))
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


def _show_prepared(result: PrepareResult) -> None:
    columns = [*result.labels, "total"]
    rows = [[split, *counts.values(), result.total[split]] for split, counts in result.counts.items()]
    console.show(console.table(f"{result.name}: {result.root}", ["split", *columns], rows))
    reasons = sorted({reason for split in result.excluded.values() for reason in split})
    if reasons:
        counts = [
            [split, *(by_reason.get(reason, 0) for reason in reasons)] for split, by_reason in result.excluded.items()
        ]
        names = [reason.replace("_", " ") for reason in reasons]
        console.show(console.table("Images without a label", ["split", *names], counts))
    duplicates = result.duplicates
    console.show(
        f"{_repeated(duplicates)}, {duplicates.conflicting} of them with different labels; {_also_in_train(duplicates)}"
    )


def _repeated(duplicates: Duplicates) -> str:
    occur = "occurs" if duplicates.groups == 1 else "occur"
    return f"{pluralize(duplicates.groups, 'picture')} {occur} more than once"


def _also_in_train(duplicates: Duplicates) -> str:
    counts = " and ".join(f"{count} {split}" for split, count in duplicates.in_train.items())
    return f"{counts} images also occur in train"
