"""An aligned folder in, one self-contained page of its crops to look at out: the doubtful ones first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from fercli.data.align_record import CSV_NAME, Alignment, AlignRow
from fercli.errors import DataError
from fercli.formatting import percent, pluralize
from fercli.html.markup import escaped, inline_jpeg, table
from fercli.html.thumbnail import picture_jpeg
from fercli.media.images import read_rgb
from fercli.system.files import replacing

SHEET_NAME = "contact-sheet.html"
_SIDE = 112
_DOUBTFUL, _NO_FACE, _SAMPLE, _UNREADABLE = 48, 48, 120, 200  # shown at most
_UNSURE = 0.99  # detector's score: most true faces lie above
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_contact_sheet(source: Path, target: Path, alignment: Alignment) -> Path:
    """Write contact-sheet.html into the aligned folder and return its path; tens of crops, however many there are."""
    rows = alignment.rows
    found = [row for row in rows if row.found is not None]
    unsure = sorted((row for row in found if _score(row) < _UNSURE), key=_score)
    without = [row for row in rows if row.status == "no_face"]
    unreadable = [row for row in rows if row.status == "unreadable"]
    sample = _spread(found, _SAMPLE)
    places = source, target
    with replacing(target / SHEET_NAME) as temporary, temporary.open("w", encoding="utf-8") as page:
        page.write(_head(target))
        page.write(_tiles(rows))
        page.writelines(_section("Faces that the detector is least sure of", unsure, unsure[:_DOUBTFUL], places))
        page.writelines(_section("Pictures without a face", without, _spread(without, _NO_FACE), places))
        if unreadable:
            listed = [(row.source, row.reason) for row in unreadable[:_UNREADABLE]]
            page.write(f"<section><h2>{pluralize(len(unreadable), 'unreadable file')}</h2>")
            page.write(table(_of(len(listed), len(unreadable)), ["file", "why"], listed) + "</section>")
        page.writelines(_section("Crops, a sample", found, sample, places))
        page.write(_settings(asdict(alignment.settings) | {"fingerprint": alignment.settings.fingerprint}))
        page.write("</main></body></html>\n")
    return target / SHEET_NAME


def _head(target: Path) -> str:
    css = files("fercli.html").joinpath("report.css").read_text(encoding="utf-8")
    title = escaped(f"Aligned faces: {target.resolve().name}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{title}</title><style>{css}'
        ".peaks figcaption{overflow-wrap:anywhere}.whole{object-fit:contain;background:var(--well)}</style></head>"
        f"<body><header><h1>{title}</h1><p class='soft'>Every picture has a row in {CSV_NAME}.</p></header><main>"
    )


def _tiles(rows: Sequence[AlignRow]) -> str:
    pictures = {row.source: row for row in rows}
    counts = {
        "pictures": len(pictures),
        "with a face": sum(row.status == "ok" for row in pictures.values()),
        "of them with several": sum((row.faces or 0) > 1 for row in pictures.values()),
        "without a face": sum(row.status == "no_face" for row in pictures.values()),
        "unreadable": sum(row.status == "unreadable" for row in pictures.values()),
        "crops": sum(row.output is not None for row in rows),
    }
    cells = ""
    for name, count in counts.items():
        share = f"<small>{percent(count / len(pictures))}</small>" if name not in ("pictures", "crops") else ""
        alarm = ' class="alarm"' if name == "unreadable" and count else ""
        cells += f"<div{alarm}><dt>{name}</dt><dd>{count:,}{share}</dd></div>"
    return f'<section class="bare"><dl class="tiles">{cells}</dl></section>'


def _section(
    heading: str, rows: Sequence[AlignRow], shown: Sequence[AlignRow], places: tuple[Path, Path]
) -> Iterator[str]:
    if not rows:
        return
    yield f'<section><h2>{escaped(heading)}</h2><p class="soft">{_of(len(shown), len(rows))}</p><ul class="peaks">'
    for row in shown:
        yield _figure(row, *places)
    yield "</ul></section>"


def _figure(row: AlignRow, source: Path, target: Path) -> str:
    """A crop with its name and score; the picture itself where no crop was written."""
    path = target / row.output if row.output else source / row.source
    try:
        content = picture_jpeg(read_rgb(path), longest=_SIDE)
    except DataError:  # gone since it was aligned
        return ""
    words = f"{row.source}, {row.found.score:.3f}" if row.found else row.source
    link = quote(os.path.relpath(path, target), errors="surrogateescape")
    image = inline_jpeg(content, words, css="face" if row.found else "face whole")
    return f'<li><figure><a href="{link}">{image}</a><figcaption>{escaped(words)}</figcaption></figure></li>'


def _settings(settings: Mapping[str, object]) -> str:
    rows = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in settings.items())
    return f'<section><h2>Settings</h2><dl class="settings">{rows}</dl></section>'


def _of(shown: int, all_of_them: int) -> str:
    return f"{shown:,} of {all_of_them:,}" if shown < all_of_them else f"all {all_of_them:,}"


def _score(row: AlignRow) -> float:
    return row.found.score if row.found else 0.0


def _spread(rows: Sequence[AlignRow], most: int) -> Sequence[AlignRow]:
    """As many as may be shown, evenly over the list."""
    if len(rows) <= most:
        return rows
    return [rows[place * len(rows) // most] for place in range(most)]
