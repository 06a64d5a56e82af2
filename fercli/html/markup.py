"""Values in, small pieces of HTML out; whatever comes from outside is escaped here."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from fercli.html.colours import Colour

_MINUTE_S, _HOUR_S = 60, 3600


def escaped(text: object) -> str:
    """Text as it is, harmless in HTML and in attributes; bytes of file names that are no text become question marks."""
    return html.escape(str(text).encode("utf-8", "replace").decode("utf-8"), quote=True)


def css_colour(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def inline_jpeg(content: bytes, alt: str, *, css: str) -> str:
    """An image that is part of the page."""
    data = base64.b64encode(content).decode("ascii")
    return f'<img class="{css}" src="data:image/jpeg;base64,{data}" alt="{escaped(alt)}">'


def inline_png(content: bytes, alt: str) -> str:
    """A drawing that is part of the page, as wide as there is room."""
    data = base64.b64encode(content).decode("ascii")
    return f'<img class="plot" src="data:image/png;base64,{data}" alt="{escaped(alt)}">'


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose first column names its rows."""
    names = "".join(f'<th scope="col">{escaped(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escaped(first)}</th>{"".join(f"<td>{escaped(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<table><caption>{escaped(caption)}</caption><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def clock(time_s: float, *, decimals: int = 1) -> str:
    """0:03.2, 12:00.0, 1:02:03.5: minutes and seconds, hours where there are any."""
    scale = 10**decimals
    units = round(time_s * scale)  # rounded once, so that 59.96 s is 1:00.0
    seconds, rest = divmod(units, scale)
    fraction = f".{rest:0{decimals}d}" if decimals else ""
    minutes, seconds = divmod(seconds, _MINUTE_S)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}{fraction}" if hours else f"{minutes}:{seconds:02d}{fraction}"
