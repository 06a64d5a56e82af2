"""`fer weights`: public weights, from where their owners put them to names that every command knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.cli.convert import Faces, Kind, Labels, show_report, telling_what_is_missing

if TYPE_CHECKING:
    from fercli.weights.pull import PullResult

Registry = Annotated[
    Path | None,
    typer.Option("--registry", metavar="FILE", help="A registry of your own instead of the one that comes with fer."),
]


def list_weights(registry: Registry = None, json: options.Json = False) -> None:
    """Show the public weights that fer knows: what they are, where they lie, on what terms, and which are here.

    Example:

      fer weights list
    """
    from fercli.system.cache import cache_folder
    from fercli.weights.locations import url_of
    from fercli.weights.receipts import read_receipt
    from fercli.weights.registry import read_registry

    entries = read_registry(registry)
    pulled = {name: read_receipt(name) is not None for name in entries}
    if json:
        console.json_line(
            [
                {"name": e.name, "what": e.what, "kind": e.kind, "places": [url_of(place) for place in e.places],
                 "sha256": e.sha256, "licence": e.licence, "outputs": e.outputs, "pulled": pulled[e.name]}
                for e in entries.values()
            ]
        )  # fmt: skip
        return
    rows = [
        (
            e.name,
            e.what,
            "here" if pulled[e.name] else "",
            "published" if e.sha256 else "recorded at first use",
            e.licence,
        )
        for e in entries.values()
    ]
    console.show(console.table("public weights", ("name", "what", "pulled", "sha256", "licence"), rows))
    for entry in entries.values():
        console.show(f"{entry.name}: " + "  ".join(url_of(place) for place in entry.places))
    console.say(f"next:  fer weights pull NAME; they come to {cache_folder()} (FER_CACHE=DIR: elsewhere)")


def pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which weights; fer weights list shows them.")
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Pull every entry, as for an image that runs without a network.")
    ] = False,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", envvar="FER_OFFLINE", help="No network: use what was downloaded before or put there by hand."
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Download again what is already there.")] = False,
    trust_new: Annotated[
        bool,
        typer.Option("--trust-new", help="Accept a file that differs from the one recorded at the first download."),
    ] = False,
    discard: Annotated[
        bool,
        typer.Option("--discard-downloads", help="Delete each published file once it is converted: half the space."),
    ] = False,
    registry: Registry = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Download public weights, check them, and turn them into files that every command finds by name.

    A download that broke goes on where it was. The file's sha256 is held against the published one or, where none is
    published, against that of the first download, which is recorded.

    Example:

      fer weights pull poster-v2-rafdb
    """
    from fercli.errors import FerError, UsageError, WeightsError
    from fercli.weights.pull import pull as step
    from fercli.weights.registry import read_registry

    if bool(names) == every:
        raise UsageError("name the weights to pull, or give --all", fix="fer weights list shows the names")
    wanted = list(read_registry(registry)) if every else list(names or ())
    failed: list[FerError] = []
    for name in wanted:
        try:
            with console.progress(f"pull {name}", quiet=quiet) as progress, telling_what_is_missing(json=False):
                result = step(
                    name,
                    registry=registry,
                    offline=offline,
                    overwrite=overwrite,
                    trust_new=trust_new,
                    discard=discard,
                    progress=progress,
                )
        except FerError as error:
            if len(wanted) == 1:
                raise
            failed.append(error)
            console.say(f"error: {error.message}\nfix: {error.fix}")
        else:
            console.json_line(result) if json else _show_pulled(result)
    if failed:
        raise WeightsError(f"{len(failed)} of {len(wanted)} could not be pulled", fix="see above, one by one")


def _show_pulled(result: PullResult) -> None:
    if not result.fresh:
        console.show(f"{result.name}: already here ({', '.join(map(str, result.outputs.values()))})")
        return
    for report in result.reports:
        show_report(report, json=False)
    for name, why in (result.left_out or {}).items():
        console.warn(f"{name} in {result.name} is left out: {why}")
    held = {
        "published": "as its owner publishes it",
        "recorded": "as recorded at the first download",
        "first use": "recorded now, as none is published: later downloads are held against it",
    }
    console.show(f"{result.name}: from {result.place}, sha256 {result.sha256} ({held[result.trust]})")
    console.show(f"found by name from now on: {', '.join(result.outputs)}")


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which weights; left out: all that are here.")
    ] = None,
    registry: Registry = None,
    json: options.Json = False,
) -> None:
    """Check that weights are what they were when they were pulled: every file's sha256 against its receipt.

    Shipped and imported weights, of which no hash is recorded, are read whole. Ends with exit code 4 if a file is
    changed, broken or missing.

    Example:

      fer weights verify
    """
    from fercli.errors import ExitCode
    from fercli.weights.verify import verify as step

    found = step(names or (), registry=registry)
    if json:
        console.json_line(found)
    else:
        console.show(console.table("weights", ("name", "state", "file", "detail"), [
            (one.name, one.state, one.path, one.detail) for one in found
        ]))  # fmt: skip
    if any(one.state != "ok" for one in found):
        raise typer.Exit(ExitCode.WEIGHTS)


def import_weights(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A torch checkpoint (.pth, .pt, .tar) or a tfjs manifest (.json).")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name to find the weights by from then on.")],
    *,
    kind: Kind = "auto",
    labels: Labels = None,
    faces: Faces = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Convert a checkpoint of POSTER_V2 or face.evoLVe, as fer convert does, and keep it under a name.

    Every tensor is reported: matched under our names, dropped with the reason, or missing, which refuses the file.

    Example:

      fer weights import raf-db.pth my-poster --labels rafdb
    """
    from fercli.weights.import_weights import import_weights as step

    with telling_what_is_missing(json=json):
        report = step(source, name, kind=kind, labels=labels, faces=faces, overwrite=overwrite)
    show_report(report, json=json)


def average_weights(
    weights: Annotated[list[str], typer.Argument(metavar="WEIGHTS...", help="Files or names of trained weights.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .safetensors file to write.")],
    *,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the mean of the weights of several runs of one network that began from the same weights.

    Often better than each of them, at the cost of one (Wortsman et al. 2022). Its card has no temperature and no scores yet.

    Example:

      fer weights average runs/a/last.safetensors runs/b/last.safetensors --out mean.safetensors
    """
    from fercli.weights.average import average as step

    step(weights, out, overwrite=overwrite)
    if not quiet:
        console.say(f"written: {out}, the mean of {len(weights)}")
        console.say(f"next:  fer calibrate {out} DATA calibrated.safetensors")
