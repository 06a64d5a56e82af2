"""The data sets that `fer` knows by name.

To add one, write a file that declares a `Reader` (`caers.py` is the shortest) and add it to `READERS`.
"""

from __future__ import annotations

from collections.abc import Mapping

from fercli.data.affectnet import AFFECTNET7, AFFECTNET8
from fercli.data.caers import CAER_S
from fercli.data.expw import EXPW
from fercli.data.fer2013 import FER2013, FERPLUS
from fercli.data.rafdb import RAFDB
from fercli.data.reader import Reader

READERS: Mapping[str, Reader] = {
    reader.labels.name: reader for reader in (RAFDB, AFFECTNET7, AFFECTNET8, FER2013, FERPLUS, EXPW, CAER_S)
}
