"""Write values as an indented JSON file: complete or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fercli.system.files import replacing


def write_json(
    path: Path, values: Mapping[str, Any], *, default: Callable[[Any], Any] | None = None, allow_nan: bool = True
) -> None:
    """Write a JSON object in UTF-8. default: turns other values into JSON's. allow_nan: False raises ValueError for NaN.

    Letters are written as they are; if a name has bytes that are not text, everything beyond ASCII is escaped.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False, default=default, allow_nan=allow_nan)
    try:
        content = text.encode()
    except UnicodeEncodeError:
        content = json.dumps(values, indent=2, default=default, allow_nan=allow_nan).encode()
    with replacing(path) as temporary:
        temporary.write_bytes(content + b"\n")
