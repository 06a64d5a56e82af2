"""A title and parts of a body in, one self-contained HTML page out: style, policy and script are the same for all."""

from __future__ import annotations

from importlib.resources import files

from fercli.html.markup import escaped

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page_start(title: str, under: str, *, before: str = "", after: str = "") -> str:
    """Everything up to the first section; `before` and `after` are HTML around the heading."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{escaped(title)}</title><style>{_resource('report.css')}</style></head>"
        f'<body>{before}<header><h1>{escaped(title)}</h1><p class="soft">{escaped(under)}</p>{after}</header><main>'
    )


def page_end(*, script: bool = False) -> str:
    """Everything after the last section; `script` for charts and cards that can be sorted."""
    run = f"<script>{_resource('report.js')}</script>" if script else ""
    return f"</main>{run}</body></html>\n"


def _resource(name: str) -> str:
    return files("fercli.html").joinpath(name).read_text(encoding="utf-8")
