"""Read the tensors of a pickled torch checkpoint without running any code in it."""

from __future__ import annotations

import pickle
import struct
import warnings
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

# what torch's unpickler raises for invalid bytes, beside UnpicklingError
_BROKEN = (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError, struct.error)


class _Meter:
    """Placeholder for the training logs that POSTER_V2 pickles into its checkpoints; its values are not used."""


def read_pickled_state(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a torch checkpoint on the CPU, names without `module.`, floats as float32.

    Reads with `weights_only`, which allows tensors, numpy arrays and an empty placeholder for POSTER_V2's RecorderMeter.
    Raises: WeightsError for a file with any other object, with an optimizer's state or without tensors.
    """
    import torch

    content = _load(path)
    if isinstance(content, Mapping) and set(content) >= {"state", "param_groups"}:
        raise WeightsError(
            f"{path} contains an optimizer's state and no model: POSTER_V2 writes its model_best.pth like this by mistake",
            fix="use the checkpoint of the last epoch (model.pth), which contains the model",
        )
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    tensors = dict(content) if isinstance(content, Mapping) else {}
    if not tensors or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise WeightsError(f"{path} contains no state dict", fix="torch.save(model.state_dict(), FILE) makes one")
    return {
        str(name).removeprefix("module."): tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }


def _load(path: Path) -> Any:
    import torch

    if not path.is_file():
        raise WeightsError(f"there is no file {path}", fix="give the path of a checkpoint")
    with path.open("rb") as file:
        start = file.read(2)
    if start != b"PK" and start[:1] != b"\x80":
        raise WeightsError(f"{path} is not a torch checkpoint", fix="a checkpoint ends in .pth, .pt or .tar")
    try:
        with torch.serialization.safe_globals(_allowed()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other versions of pickle, whose contents are refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is not a plain torch checkpoint: {_reason(str(error))}",
            fix="in the original project: torch.save(model.state_dict(), FILE), then convert that file",
        ) from error
    except _BROKEN as error:
        raise WeightsError(
            f"{path} is broken or not a torch checkpoint ({_one_line(error)})", fix="download the file again"
        ) from error


def _allowed() -> list[Any]:
    """Objects that a checkpoint may contain beside tensors: (object, name in the file)."""
    import numpy as np

    numpy_types = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "u1", "b1")]
    rebuild = np.zeros(1).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    return [
        *(
            (_Meter, f"{module}.{name}")
            for module in ("__main__", "main")
            for name in ("RecorderMeter", "RecorderMeter1")
        ),
        *((rebuild, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
        *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
        np.ndarray,
        np.dtype,
        *numpy_types,
        defaultdict,
    ]


def _reason(message: str) -> str:
    """Torch's own message without its advice to load the file unsafely."""
    for line in message.splitlines():
        if "GLOBAL" in line:
            name = line.partition("GLOBAL")[2].split()[0]
            return f"it contains an object of {name}, whose code would run when loaded"
    return "it contains objects whose code would run when loaded"


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:120]
