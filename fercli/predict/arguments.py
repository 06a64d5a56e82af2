"""Check the arguments of `Predictor` by type: a program gets the message that the command line would give."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from fercli.errors import UsageError


def real_number(value: object, name: str, *, fix: str) -> float:
    """Return a number, also one of NumPy, a fraction or a decimal, as a float. Raises: UsageError for anything else."""
    if not isinstance(value, (numbers.Real, Decimal)) or isinstance(value, (bool, np.bool_)):
        raise UsageError(f"{name} is {_shown(value)}: must be a number", fix=fix)
    return float(value)


def check_flags(**flags: object) -> None:
    """Raise UsageError for a flag that is not True or False: every text, also "no", would count as True."""
    for name, value in flags.items():
        if not isinstance(value, (bool, np.bool_)):
            raise UsageError(f"{name} is {_shown(value)}: must be True or False", fix=f"{name}=True")


def check_networks(weights: object, device: object, prior: object) -> None:
    """Raise UsageError for weights, a device or class shares of another type than the ones that can be loaded."""
    if not isinstance(weights, (str, os.PathLike, type(None))):
        raise UsageError(f"weights are {_shown(weights)}: must be a path or a name", fix='weights="fer-compact"')
    if not isinstance(device, str):
        raise UsageError(f"device is {_shown(device)}: must be a text", fix='device="cuda:0"')
    if not isinstance(prior, (str, os.PathLike, Mapping, type(None))):
        raise UsageError(
            f"prior is {_shown(prior)}: must be a name, a file or a mapping", fix='prior={"neutral": 0.5, ...}'
        )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
