"""`fer agree sample`: parts of videos to code by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import coding_options, console, options
from fercli.cli.predict_privacy import LogOption
from fercli.cli.table_log import table_log
from fercli.errors import UsageError
from fercli.formatting import pluralize


def draw(
    context: typer.Context,
    rows: Annotated[Path, typer.Argument(metavar="READ", help="A table of fer predict, or a folder of its --out.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for sample.csv and the files to code.")
    ],
    *,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="Minutes of video to draw.")] = 20.0,
    segment: Annotated[
        float, typer.Option("--segment", metavar="SECONDS", min=1, help="Length of the parts that are drawn.")
    ] = 10.0,
    to: Annotated[
        str, typer.Option("--to", metavar="elan|praat|boris|csv", help="Format of the empty files.")
    ] = "elan",
    media: Annotated[
        Path | None, typer.Option("--media", metavar="DIR", help="Folder of the videos, to link them.")
    ] = None,
    people: coding_options.PeopleFile = None,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Do not write people.html, which shows the face of everybody to code.")
    ] = False,
    seed: Annotated[int, options.seed_of("the sample")] = 0,
    processing_log: LogOption = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw parts of videos to code by hand, rare expressions as often as frequent ones, with empty files to code in.

    The files name the parts and the people, and do not show what was predicted; sample.csv does. people.html shows who is who.

    Example:

      fer agree sample results --minutes 20 --to elan --out to-code
    """
    from fercli.coding.sample import draw_sample
    from fercli.coding.sample_files import FORMATS, write_empty
    from fercli.rows.read import read_rows

    if to not in FORMATS:
        raise UsageError(f"--to {to}: unknown format", fix=f"--to {', '.join(FORMATS)}")
    table = read_rows(rows)
    track_names = coding_options.read_people(people)
    sample = draw_sample(table, minutes=minutes, segment_s=segment, seed=seed, names=track_names)
    coding_options.warn_of_names(track_names)
    with table_log(processing_log, context, [rows, people], [out]):
        written = write_empty(
            out, sample, to, classes=table.labels, media=media, overwrite=overwrite, pictures=not no_pictures
        )
    for warning in written.warnings:
        console.warn(warning)
    counts: dict[str, int] = {}
    for item in sample.segments:
        counts[item.stratum] = counts.get(item.stratum, 0) + 1
    cells = [[name, count] for name, count in sorted(counts.items(), key=lambda pair: -pair[1])]
    console.show(console.table(None, ["rarest expression shown", "parts"], cells))
    if not quiet:
        files = pluralize(len(written.paths), "file")
        console.say(f"{sample.seconds / 60:.1f} minutes in {pluralize(len(sample.segments), 'part')}: {files} in {out}")
