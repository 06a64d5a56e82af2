"""Find the files that ship with the package."""

from __future__ import annotations

from pathlib import Path

import fercli
from fercli.errors import WeightsError


def weights_folders() -> tuple[Path, ...]:
    """Return the folders that are searched for shipped weights: inside the installed package, or `weights/` of a clone."""
    package = Path(fercli.__file__).parent
    return package / "_weights", package.parent / "weights"


def is_shipped(path: Path) -> bool:
    """Whether a file is one of the shipped ones."""
    folders = {folder.resolve() for folder in weights_folders()}
    return not folders.isdisjoint(path.resolve().parents)


def detector_file(name: str) -> Path:
    """Return the path of a shipped network of a face detector; WeightsError if the installation lacks it."""
    for folder in weights_folders():
        if (folder / "detector" / name).is_file():
            return folder / "detector" / name
    raise WeightsError(f"the face detector's file {name} is missing", fix="pip install --force-reinstall fercli")
