"""fercli: facial expression recognition with the Batch Transformer Network.

`Predictor` predicts expressions, `load_model` loads a network with its card and preprocessing. Importing this package loads
nothing else.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"
__all__ = ["Predictor", "__version__", "load_model"]
_MODULES = {"Predictor": "fercli.predictor", "load_model": "fercli.weights.loaded_model"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:  # imported by name, so that reading the version loads none of it
        if name == "load_model":
            packages = import_module("fercli.system.packages")
            packages.require("fercli.load_model", packages.TORCH)
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
