"""`fer weights`: list, download, verify, import and average weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.cli.convert import ConvertLabels, SourceFormat, StatisticsFaces, show_report, showing_missing_tensors
from fercli.weights.foreign.formats import AUTO

if TYPE_CHECKING:
    from fercli.weights.pull import PullResult
    from fercli.weights.registry import RegistryEntry
    from fercli.weights.versions import EarlierVersion

Registry = Annotated[
    Path | None,
    typer.Option("--registry", metavar="FILE", help="Registry file (default: the one in the package)."),
]


def list_weights(registry: Registry = None, json: options.Json = False, quiet: options.Quiet = False) -> None:
    """List public weights (description, URL, licence, whether they are downloaded) and earlier versions of the default model.

    Example:

      fer weights list
    """
    from fercli.system.cache import cache_folder
    from fercli.weights.locations import url_of
    from fercli.weights.receipts import read_receipt
    from fercli.weights.registry import read_registry
    from fercli.weights.versions import read_versions

    versions = read_versions(registry)
    entries = read_registry(registry)
    pulled = {name: read_receipt(name) is not None for name in entries}
    if json:
        console.json_line(_records(entries.values(), pulled) + _version_records(versions.values()))
        return
    rows = [
        (
            entry.name,
            entry.description,
            "yes" if pulled[entry.name] else "no",
            "published" if entry.sha256 else "recorded at first use",
            entry.licence,
        )
        for entry in entries.values()
    ]
    console.show(console.table("public weights", ("name", "description", "pulled", "sha256", "licence"), rows))
    for entry in entries.values():
        console.show(f"{entry.name}: " + "  ".join(url_of(location) for location in entry.locations))
    if versions:
        found = [(each.name, each.blob[".onnx"][:7], "yes" if each.is_restored else "no") for each in versions.values()]
        console.show(console.table("earlier versions of the default model", ("name", "git", "restored"), found))
        if not quiet:
            console.say("next:  fer weights restore NAME copies one from the history of a clone")
    if not quiet:
        console.say(f"next:  fer weights pull NAME (into {cache_folder()}; FER_CACHE=DIR changes it)")


def _records(entries: Iterable[RegistryEntry], pulled: Mapping[str, bool]) -> list[dict[str, object]]:
    from fercli.weights.locations import url_of

    return [
        {
            "name": entry.name,
            "description": entry.description,
            "kind": entry.kind,
            "urls": [url_of(location) for location in entry.locations],
            "sha256": entry.sha256,
            "licence": entry.licence,
            "outputs": entry.outputs,
            "pulled": pulled[entry.name],
        }
        for entry in entries
    ]


def _version_records(versions: Iterable[EarlierVersion]) -> list[dict[str, object]]:
    return [
        {
            "name": version.name,
            "description": "earlier version of the default model",
            "kind": "version",
            "blob": version.blob,
            "sha256": version.sha256,
            "outputs": [version.name],
            "pulled": version.is_restored,
        }
        for version in versions
    ]


def pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Names of weights; fer weights list shows them.")
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Pull every entry, for example for a container without network access.")
    ] = False,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            envvar="FER_OFFLINE",
            help="Use only files that were downloaded before or put into the cache by hand.",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Download again.")] = False,
    trust_new: Annotated[
        bool,
        typer.Option("--trust-new", help="Accept a file whose hash differs from the first download."),
    ] = False,
    discard: Annotated[
        bool,
        typer.Option(
            "--discard-downloads", help="Delete each published file after its conversion, to save half the space."
        ),
    ] = False,
    registry: Registry = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Download public weights, verify and convert them; all commands then find them by name.

    Interrupted downloads are resumed. The sha256 of a file is compared with the published one or, if none is published,
    with that of the first download.

    Example:

      fer weights pull poster-v2-rafdb
    """
    from fercli.errors import FerError, UsageError, WeightsError
    from fercli.weights.pull import pull as step
    from fercli.weights.registry import read_registry

    if bool(names) == every:
        raise UsageError("give the names of weights, or --all", fix="fer weights list shows the names")
    requested = list(read_registry(registry)) if every else list(names or ())
    failed: list[FerError] = []
    for name in requested:
        try:
            with console.progress(f"pull {name}", quiet=quiet) as progress, showing_missing_tensors(json=False):
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
            if len(requested) == 1:
                raise
            failed.append(error)
            console.say(f"error: {error.message}\nfix: {error.fix}")
        else:
            console.json_line(result) if json else _show_pulled(result, quiet=quiet)
    if failed:
        raise WeightsError(f"{len(failed)} of {len(requested)} could not be pulled", fix="see the errors above")


def _show_pulled(result: PullResult, *, quiet: bool) -> None:
    if not result.fresh:
        console.show(f"{result.name}: already downloaded ({', '.join(map(str, result.outputs.values()))})")
        return
    for report in result.reports:
        show_report(report, json=False, quiet=quiet)
    for name, reason in (result.skipped or {}).items():
        console.warn(f"{name} in {result.name} was skipped: {reason}")
    trust = {
        "published": "as published by its owner",
        "recorded": "as at the first download",
        "first use": "none is published; recorded, later downloads are compared with it",
    }
    console.show(f"{result.name}: from {result.location}, sha256 {result.sha256} ({trust[result.trust]})")
    console.show(f"names for --weights: {', '.join(result.outputs)}")


def restore_version(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Earlier versions, such as fer-compact-5.")],
    *,
    clone: Annotated[
        Path | None,
        typer.Option(
            "--clone",
            metavar="DIR",
            help="Clone of the repository of fer with its history (default: the one that fer runs from).",
        ),
    ] = None,
    registry: Registry = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Restore earlier versions of the default model from the git history of a clone; nothing is downloaded.

    All commands then find them by name. The sha256 of every file is compared with that of the registry.

    Example:

      fer weights restore fer-compact-5
    """
    from fercli.weights.versions import restore as step

    for name in names:
        files = step(name, clone=clone, registry=registry, overwrite=overwrite)
        if json:
            console.json_line({"name": name, "files": {suffix: str(path) for suffix, path in files.items()}})
        else:
            console.show(f"{name}: {', '.join(map(str, files.values()))}")


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Names of weights (default: all on this machine)."),
    ] = None,
    registry: Registry = None,
    json: options.Json = False,
) -> None:
    """Verify that weights are unchanged since they were pulled: every file's sha256 against its receipt.

    Shipped and imported weights have no recorded hash; they are read completely. The exit code is 4 if a file is changed,
    broken or missing.

    Example:

      fer weights verify
    """
    from fercli.errors import ExitCode
    from fercli.weights.verify import verify as step

    results = step(names or (), registry=registry)
    if json:
        console.json_line(results)
    else:
        console.show(console.table("weights", ("name", "status", "file", "detail"), [
            (result.name, result.status, result.path, result.detail) for result in results
        ]))  # fmt: skip
    if any(result.status != "ok" for result in results):
        raise typer.Exit(ExitCode.WEIGHTS)


def import_weights(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Torch checkpoint (.pth, .pt, .tar) or tfjs manifest (.json).")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the imported weights, for --weights.")],
    *,
    source_format: SourceFormat = AUTO,
    labels: ConvertLabels = None,
    faces: StatisticsFaces = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert a checkpoint of another project, as fer convert does, and keep it in the cache under a name.

    Every tensor is reported: converted, dropped with the reason, or missing, in which case the file is refused.

    Example:

      fer weights import raf-db.pth my-poster --labels rafdb
    """
    from fercli.weights.import_weights import import_weights as step

    with showing_missing_tensors(json=json):
        report = step(source, name, source_format=source_format, labels=labels, faces=faces, overwrite=overwrite)
    show_report(report, json=json, quiet=quiet)


def average_weights(
    weights: Annotated[list[str], typer.Argument(metavar="WEIGHTS", help="Trained weights, by file or name.")],
    out: Annotated[Path, typer.Option("--out", "-o", help=".safetensors file to write.")],
    *,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Average the weights of several runs of one network that started from the same weights.

    The mean is often better than each of them, at the inference cost of one (Wortsman et al. 2022). Its card has no
    temperature and no scores.

    Example:

      fer weights average runs/a/last.safetensors runs/b/last.safetensors --out mean.safetensors
    """
    from fercli.weights.average import average as step

    step(weights, out, overwrite=overwrite)
    if not quiet:
        console.say(f"wrote {out}, the mean of {len(weights)} files")
        console.say(f"next:  fer calibrate {out} DATA calibrated.safetensors")
