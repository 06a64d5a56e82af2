"""Self-contained HTML pages from Jinja templates.

A template is beside the code that fills it (`evaluate/page.py` and `evaluate/page.html`). Every page extends
`html/page.html`; `html/parts.html` has the macros for tables, figures and faces. Values are escaped unless they are
`Markup`, and a template that uses a value it was not given raises.
"""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fercli import __version__
from fercli.formatting import clock, percent, pluralize
from fercli.html.colours import css_colour


def render(template: str, **values: object) -> Markup:
    """Return a filled template, by its path in the package: "predict/report/video.html"."""
    return Markup(jinja_environment().get_template(template).render(values))


def write_template(path: Path, template: str, **values: object) -> None:
    """Fill a template into a file, piece by piece: iterators among the values are consumed one item at a time.

    Bytes of file names that are not text become question marks.
    """
    with path.open("w", encoding="utf-8", errors="replace") as file:
        file.writelines(jinja_environment().get_template(template).generate(values))


@cache
def jinja_environment() -> Environment:
    """Return the one Jinja environment: templates of the package, filters for numbers, colours and images."""
    environment = Environment(
        loader=PackageLoader("fercli", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "pluralize": pluralize,
        "clock": clock,
        "css_colour": css_colour,
        "data_uri": _data_uri,
        "percent": percent,
    }
    environment.globals |= {"resource": _resource, "fer_version": __version__}
    return environment


def _resource(name: str) -> Markup:
    """A style sheet or script of this folder, as it is."""
    return Markup(files("fercli.html").joinpath(name).read_text(encoding="utf-8"))


def _data_uri(content: bytes, media_type: str) -> str:
    """A file as part of the page."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
