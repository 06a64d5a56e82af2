"""The formats of foreign checkpoints that `fer convert`, `fer weights import` and `fer weights pull` read.

To add one, write a file that declares a `ForeignFormat` (`ir50.py` is the shortest) and add it to `FORMATS`.
Importing this module loads neither torch nor numpy.
"""

from __future__ import annotations

from collections.abc import Mapping

from fercli.weights.foreign.face_resnet import FACE_RESNET
from fercli.weights.foreign.format import ForeignFormat
from fercli.weights.foreign.ir50 import IR50
from fercli.weights.foreign.mobilefacenet import MOBILEFACENET
from fercli.weights.foreign.poster_v2 import POSTER_V2

AUTO = "auto"  # recognise the format by the file
FORMATS: Mapping[str, ForeignFormat] = {known.name: known for known in (POSTER_V2, MOBILEFACENET, IR50, FACE_RESNET)}
