"""Where the files that come with the package lie."""

from __future__ import annotations

from pathlib import Path

import fercli


def weights_folders() -> tuple[Path, ...]:
    """Where named weights lie: inside the installed package, or in `weights/` of a clone."""
    package = Path(fercli.__file__).parent
    return package / "_weights", package.parent / "weights"
