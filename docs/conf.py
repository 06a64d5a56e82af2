"""Sphinx settings: `sphinx-build -W -b html docs docs/_build/html`, with the extra `docs` installed."""

import sys
from pathlib import Path

from fercli import __version__

project = "fer"
author = "fer contributors"
copyright = "2026, fer contributors"  # noqa: A001 (Sphinx's name for it)
release = version = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"fer {release}"
html_static_path = ["_static"]
html_css_files = ["code.css"]
smartquotes = False  # --option stays as it is typed


def setup(_app):
    """Generate the API reference before the pages are read."""
    sys.path.insert(0, str(Path(__file__).parent))
    import generate_api

    generate_api.PAGE.write_text(generate_api.page(), encoding="utf-8")
