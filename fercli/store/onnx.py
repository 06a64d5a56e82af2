"""What an exported file promises: the names of its input and output, its opset, and its metadata. Never imports torch."""

from __future__ import annotations

from pathlib import Path

from fercli.errors import WeightsError
from fercli.sessions import check_file

INPUT, OUTPUT = "images", "logits"  # float32 [B, 3, S, S], float32 [B, N]
OPSET = 20


def onnx_metadata(path: Path) -> dict[str, str]:
    """The metadata_props of an ONNX file, without building a session; WeightsError for a missing or broken file."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    check_file(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise WeightsError(f"{path} is not an ONNX file, or is cut short", fix="fer export --onnx") from error
    return {entry.key: entry.value for entry in model.metadata_props}
