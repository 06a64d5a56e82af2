"""The interface of exported ONNX files: names of inputs and outputs, opset, metadata. Never imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from fercli.errors import WeightsError
from fercli.system.onnx_session import check_file

INPUT, OUTPUT = "images", "logits"  # float32 [B, 3, S, S], float32 [B, N]
CROPS, POINTS, PROBABILITIES = (
    "crops",
    "points",
    "probabilities",
)  # uint8 [B, H, W, 3], float32 [B, 5, 2], float32 [B, N]
OPSET, IR_VERSION = 20, 10

# The inputs: normalised `images`; or `crops` of any size; or `crops` with five `points` of the face in each.
Interface = Literal["images", "crops", "faces"]


def output_of(name: str, convention: str | None) -> str:
    """Return the output of a convention head: `logits_posed`; None: of the default head, `logits`."""
    return name if convention is None else f"{name}_{convention}"


def interface_of(metadata: Mapping[str, str]) -> Interface:
    """The interface of a file with this metadata; files of version 0.1 without the entry take images."""
    name = metadata.get("interface", "images")
    if name == "crops":
        return "crops"
    return "faces" if name == "faces" else "images"


def onnx_metadata(path: Path) -> dict[str, str]:
    """Read the metadata_props of an ONNX file without opening a session. Raises: WeightsError for a missing or broken file."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    check_file(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise WeightsError(f"{path} is not an ONNX file, or is truncated", fix="fer export --onnx") from error
    return {entry.key: entry.value for entry in model.metadata_props}
