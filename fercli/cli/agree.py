"""`fer agree`: agreement of hand codings with the predictions, and of several coders."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from fercli.cli import coding_options, console, options
from fercli.cli.agree_sample import draw
from fercli.cli.agree_tables import show_agreement
from fercli.cli.help_pages import GroupedCommand, GroupedGroup
from fercli.cli.predict_privacy import LogOption
from fercli.cli.table_log import table_log
from fercli.errors import UsageError


class AgreeGroup(GroupedGroup):
    """A command with arguments of its own, and subcommands: a first argument that is none is a file."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        self.allow_interspersed_args = not self._names_command(args)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not self._names_command(args):
            return super().parse_args(ctx, args)
        own = self.params
        self.params = []
        try:
            return super().parse_args(ctx, args)
        finally:
            self.params = own

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters; the usage of a subcommand does not show those of the group."""
        parameters = super().get_params(ctx)
        return (
            parameters if ctx.command is self else [item for item in parameters if item.param_type_name != "argument"]
        )

    def _names_command(self, args: list[str]) -> bool:
        return bool(args) and args[0] in self.commands


app = typer.Typer(cls=AgreeGroup, rich_markup_mode=None, invoke_without_command=True)


@app.callback()
def agree(
    context: typer.Context,
    codings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CODINGS",
            help="Codings of the same videos, each a file or a folder: ELAN, Praat, BORIS, csv, FaceReader, OpenFace or Datavyu, "
            "or a table of fer predict. Of two, the first is the reference.",
        ),
    ] = None,
    *,
    step: Annotated[
        float, typer.Option("--step", metavar="SECONDS", min=0.001, help="Unit of time of the comparison.")
    ] = 0.04,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", metavar="SECONDS", min=0, help="Events match if their onsets are at most this far apart."
        ),
    ] = 0.5,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="LABEL=EXPRESSION|FILE",
            help="What a coder's label stands for; repeatable. Or a csv file with the columns label and expression.",
        ),
    ] = None,
    gaps: Annotated[
        str | None,
        typer.Option(
            "--gaps",
            metavar="EXPRESSION",
            help="What time without an annotation means in codings by people, such as neutral (default: not coded).",
        ),
    ] = None,
    shifts: Annotated[
        list[str] | None,
        typer.Option(
            "--shift",
            metavar="CODING=SECONDS",
            help="Add seconds to the times of a coding whose clock did not start with the video; repeatable.",
        ),
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--sample",
            metavar="FILE",
            help="sample.csv of fer agree sample, or a csv file with source, begin_s and end_s: only these parts were coded.",
        ),
    ] = None,
    out: Annotated[Path | None, options.new_folder("agreement.json, classes.csv, confusion.csv and a figure")] = None,
    people: coding_options.PeopleFile = None,
    smooth: coding_options.Smooth = 0.4,
    enter: coding_options.Enter = 0.6,
    leave: coding_options.Leave = 0.5,
    min_duration: coding_options.MinDuration = 0.3,
    merge_gap: coding_options.MergeGap = 0.3,
    seed: Annotated[int, options.seed_of("the bootstrap")] = 0,
    processing_log: LogOption = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare codings of the same videos: percent agreement, Cohen's kappa, Krippendorff's alpha, matched events.

    Videos are the same if their names are, without suffix; folders count where two videos have one name. Intervals are bootstrap
    intervals over people.

    Example:

      fer agree coder1.eaf results
    """
    if context.invoked_subcommand is not None:
        return
    if codings is None or len(codings) < 2:
        raise UsageError("two codings or more are compared", fix="fer agree coder1.eaf results")
    from fercli.coding.agree import agree as step_agree
    from fercli.coding.agree_files import agreement_record, write_agreement
    from fercli.coding.coders import read_coders
    from fercli.coding.episodes import EpisodeOptions
    from fercli.coding.pairing import PairingOptions
    from fercli.coding.sample import read_sample
    from fercli.system.files import refuse_existing_folder
    from fercli.system.packages import install_command, is_installed

    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark="agreement.json")
    episode = EpisodeOptions(smooth, enter, leave, min_duration, merge_gap)
    spans = {} if sample is None else read_sample(sample)
    pairing = PairingOptions(step, _mapping(names or []), gaps, spans, _shifts(shifts or []))
    track_names = coding_options.read_people(people)
    with table_log(processing_log, context, [*codings, sample, people], [out]):
        result = step_agree(read_coders(codings, episode, track_names), pairing, tolerance_s=tolerance, seed=seed)
        if out is not None:
            write_agreement(out, result)
    coding_options.warn_of_names(track_names)
    for warning in result.warnings:
        console.warn(warning)
    if json:
        console.json_line(agreement_record(result))
    else:
        show_agreement(result)
    if out is not None and not is_installed("matplotlib"):
        console.warn(f"{out} has no figure, as matplotlib is not installed: {install_command('train')}")
    if out is not None and not quiet:
        console.say(f"written to {out}")


app.command("sample", cls=GroupedCommand)(draw)


def _mapping(texts: list[str]) -> dict[str, str]:
    from fercli.coding.label_names import read_mapping
    from fercli.config.labels import canonical

    pairs: dict[str, str] = {}
    for text in texts:
        label, separator, expression = text.partition("=")
        if not separator and Path(text).is_file():
            pairs |= read_mapping(Path(text))
            continue
        if not separator or not label or not expression:
            raise UsageError(f"--map {text}: neither LABEL=EXPRESSION nor a file", fix="--map smile=happiness")
        pairs[label] = pairs[canonical(label)] = canonical(expression)
    return pairs


def _shifts(texts: list[str]) -> dict[str, float]:
    shifts = {}
    for text in texts:
        name, _, seconds = text.rpartition("=")
        try:
            shifts[name] = float(seconds.replace(",", "."))
        except ValueError:
            raise UsageError(f"--shift {text}: not CODING=SECONDS", fix="--shift anna=2.4") from None
        if not name or not math.isfinite(shifts[name]):
            raise UsageError(f"--shift {text}: not CODING=SECONDS", fix="--shift anna=2.4")
    return shifts
