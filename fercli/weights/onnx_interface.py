"""The interface of exported ONNX files: names of inputs and outputs, opset, metadata. Never imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Literal

from fercli.config.defaults import ONNX_OPSET
from fercli.errors import WeightsError
from fercli.system.onnx_session import check_file
from fercli.system.protobuf import fields

INPUT, OUTPUT = "images", "logits"  # float32 [B, 3, S, S], float32 [B, N]
CROPS, POINTS, PROBABILITIES = (
    "crops",
    "points",
    "probabilities",
)  # uint8 [B, H, W, 3], float32 [B, 5, 2], float32 [B, N]
EXPERT = "expert"  # bool, optional: false skips the frozen expert of a model that has one
OPSET, IR_VERSION = ONNX_OPSET, 10
OPSETS = 18, 23  # that can be exported; preprocessing inside the file needs 20
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2  # field numbers of ModelProto and of StringStringEntryProto

# The inputs: normalised `images`; or `crops` of any size; or `crops` with five `points` of the face in each.
Interface = Literal["images", "crops", "faces"]


def output_of(name: str, convention: str | None) -> str:
    """Return the output of a convention head: `logits_posed`; None: of the default head, `logits`."""
    return name if convention is None else f"{name}_{convention}"


def interface_of(metadata: Mapping[str, str]) -> Interface:
    """Return the interface of a file with this metadata; files of version 0.1 without the entry take images."""
    name = metadata.get("interface", "images")
    if name == "crops":
        return "crops"
    return "faces" if name == "faces" else "images"


def onnx_metadata(path: Path) -> dict[str, str]:
    """Read the metadata_props of an ONNX file, without the onnx package and without reading its tensors.

    Raises: WeightsError for a missing or broken file.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            entries = [dict(fields(BytesIO(entry), (_KEY, _VALUE))) for _, entry in fields(file, (_METADATA_PROPS,))]
        return {entry[_KEY].decode(): entry.get(_VALUE, b"").decode() for entry in entries}
    except (ValueError, KeyError) as error:
        raise WeightsError(f"{path} is not an ONNX file, or is truncated", fix="fer export --onnx") from error
