"""The data sets that `fer` knows by name.

To add one, write a file that declares a `Reader` (`caers.py` is the shortest) and add it to `READERS`, or install a
package with an entry point of the group `fercli.data_sets`.
"""

from __future__ import annotations

from collections.abc import Mapping

from fercli.data.affectnet import AFFECTNET7, AFFECTNET8
from fercli.data.caers import CAER_S
from fercli.data.expw import EXPW
from fercli.data.fer2013 import FER2013, FERPLUS
from fercli.data.rafdb import RAFDB
from fercli.data.reader import Reader
from fercli.errors import UsageError
from fercli.system.plugins import load_plugin, plugin_names

READERS: Mapping[str, Reader] = {
    reader.labels.name: reader for reader in (RAFDB, AFFECTNET7, AFFECTNET8, FER2013, FERPLUS, EXPW, CAER_S)
}


def all_readers() -> Mapping[str, Reader]:
    """Return the data sets of READERS, and those that installed packages add (entry points fercli.data_sets).

    Raises: UsageError for an entry that is not a Reader of its name.
    """
    installed = {}
    for name in plugin_names("fercli.data_sets"):
        reader = load_plugin("fercli.data_sets", name)
        if not isinstance(reader, Reader) or reader.labels.name != name or name in READERS:
            raise UsageError(
                f"the entry point {name} of fercli.data_sets is not a new Reader with labels of that name",
                fix="declare a fercli.data.reader.Reader, or uninstall its package",
            )
        installed[name] = reader
    return {**READERS, **installed}
