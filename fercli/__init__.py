"""fercli: facial expression recognition with the Batch Transformer Network.

`from fercli import Predictor` reads faces from Python; importing this package loads nothing else.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"
__all__ = ["Predictor", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Predictor":
        return import_module(
            "fercli.predictor"
        ).Predictor  # imported by name, so that reading the version loads none of it
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
