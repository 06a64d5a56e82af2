"""Options of an export, and the report of the written file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fercli.errors import UsageError
from fercli.export.float16_storage import Float16Storage
from fercli.export.parity import BATCHES, Parity
from fercli.export.precision import Precision
from fercli.export.preprocessing_parity import PreprocessingParity
from fercli.weights.onnx_interface import OPSET, OPSETS, Interface

Store = Literal["fp16", "fp32"]


@dataclass(frozen=True)
class ExportOptions:
    """How a model is exported.

    faces: folder of face crops to compare on; None: smooth generated images. interface: input of the file; `images` are
    normalised float32 [batch, 3, S, S], `crops` and `faces` uint8 images of any size, see `add_preprocessing`.
    precision: of the computation; int8 is calibrated on `faces`. store: of float32 weights in the file; fp16 rounds them
    once and halves the file; tensors of few different values are stored exactly, in bytes. batches: batch sizes that the
    comparison runs at. convention: the only label convention of the file; None exports all that the model has. opset: version of
    ONNX's operators.
    """

    faces: Path | None = None
    interface: Interface = "images"
    precision: Precision = "fp32"
    store: Store = "fp16"
    batches: tuple[int, ...] = BATCHES
    device: str = "cpu"
    convention: str | None = None
    opset: int = OPSET
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.precision == "int8" and self.faces is None:
            raise UsageError("int8 is calibrated on real face crops", fix="--faces DIR")
        lowest = OPSETS[0] if self.interface == "images" else OPSET
        if not lowest <= self.opset <= OPSETS[1]:
            raise UsageError(
                f"opset {self.opset} cannot be exported with the input {self.interface}",
                fix=f"--opset {lowest} to {OPSETS[1]}",
            )


@dataclass(frozen=True)
class ExportReport:
    """A written file and the results of its comparison.

    opset: of an ONNX file, None for a torch program. float16_storage: the weights stored as float16, None if there are none.
    preprocessing: None if the file takes `images`. conventions: label conventions of its outputs, the default first.
    device_parity: on a device other than the CPU, where `runtime` names it.
    """

    out: Path
    size_bytes: int
    name: str
    opset: int | None
    parameters: int
    interface: Interface
    precision: Precision
    parity: Parity
    float16_storage: Float16Storage | None
    preprocessing: PreprocessingParity | None
    conventions: tuple[str, ...] = ()
    device_parity: Parity | None = None
