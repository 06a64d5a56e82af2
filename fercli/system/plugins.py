"""Extensions from installed packages, by the entry points that they declare; an entry loads when it is used.

A package adds, in its pyproject.toml,

    [project.entry-points."fercli.image_backbones"]
    my_net = "my_package.net:MyNet"
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from fercli.errors import UsageError

Group = Literal["fercli.image_backbones", "fercli.losses", "fercli.data_sets"]


def plugin_names(group: Group) -> tuple[str, ...]:
    """Return the names that installed packages add to a group, sorted."""
    return tuple(sorted(_entries(group)))


def load_plugin(group: Group, name: str) -> Any:
    """Import the object that a package adds under this name. Raises: UsageError if its import fails; KeyError for none."""
    entry = _entries(group)[name]
    try:
        return entry.load()
    except Exception as error:
        raise UsageError(
            f"{name} of {group} ({entry.value}) could not be imported: {error!r}", fix="repair or uninstall its package"
        ) from error


def _entries(group: Group) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}
