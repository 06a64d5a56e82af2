"""Classify aligned crops with a trained model: one interface for ONNX Runtime and torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError, WeightsError
from fercli.system.chunks import chunked
from fercli.system.devices import check_name, resolve_device
from fercli.system.onnx_session import open_session, optional_inputs, padded_batch, run_bound, runs, session_metadata
from fercli.system.packages import TORCH, require
from fercli.system.shipped import is_shipped
from fercli.weights.card import WeightsCard
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, card_from
from fercli.weights.find import find_weights
from fercli.weights.onnx_interface import CROPS, EXPERT, INPUT, OUTPUT, POINTS, Interface, interface_of, output_of
from fercli.weights.onnx_probe import check_finite, probe, run_limits
from fercli.weights.preprocess import check_crops, softmax, to_input

Engine = Literal["auto", "onnx", "torch"]
LogitsFunction = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # aligned crops [B, S, S, 3] to logits [B, N]
CHUNK = 16  # faces per batch on the CPU: larger ones are not faster and need more memory
GPU_BATCH_SIZES = (1, 8, 32)  # a GPU builds a plan for every input shape, so batches are padded to one of these


class Classifier(Protocol):
    """A trained model, ready to run. `engine` and `device` are those in use, not those requested."""

    @property
    def card(self) -> WeightsCard:
        """Labels, crop, preprocessing and temperature."""
        ...

    @property
    def engine(self) -> str:
        """`onnx` or `torch`."""
        ...

    @property
    def device(self) -> str:
        """`cpu`, `cuda:N` or `tensorrt:N`."""
        ...

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return P_VIT of RGB crops uint8 [B, S, S, 3] (S = card.model.input.size): float32 [B, N]."""
        ...

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the calibrated probabilities of RGB crops uint8 [B, S, S, 3]: float32 [B, N], columns as card.labels."""
        ...


@dataclass(frozen=True)
class LoadedClassifier:
    """A classifier over an engine's `run`: crops uint8 [B, S, S, 3] to logits float32 [B, N], B <= batch_size."""

    card: WeightsCard
    engine: str
    device: str
    run: LogitsFunction
    batch_size: int = CHUNK

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not len(crops):
            return np.zeros((0, len(self.card.labels)), np.float32)
        logits = np.concatenate([self.run(batch) for batch in chunked(crops, self.batch_size)])
        check_finite(logits, self.card.name)
        return logits

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return softmax(self.logits(crops), self.card.temperature)


def open_onnx(path: Path, *, device: str = "auto", convention: str | None = None) -> LoadedClassifier:
    """Open an exported file in ONNX Runtime; torch is never imported. convention: as for `load_classifier`.

    A GPU runs batches of GPU_BATCH_SIZES only, and each once before there is work: this loads its kernels, and no later
    batch waits for a new plan or engine. If that fails, DeviceError is raised, or `auto` falls back to the CPU.
    """
    trusted = is_shipped(path)
    session, running = open_session(path, device, batches=GPU_BATCH_SIZES, limited=not trusted)

    metadata = session_metadata(session)
    card = card_from(metadata, where=str(path)).for_convention(convention)
    interface, output = interface_of(metadata), output_of(OUTPUT, card.head)
    switches = expert_switch(optional_inputs(session), card)
    face = np.zeros((1, card.model.input.size, card.model.input.size, 3), np.uint8)
    probe(session, onnx_inputs(face, card, interface) | switches, output, len(card.labels), path)

    def logits(crops: NDArray[np.uint8], options: Any = None) -> NDArray[np.float32]:
        inputs = onnx_inputs(crops, card, interface) | switches
        return np.asarray(run_bound(session, inputs, output, options), np.float32)

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with nullcontext() if trusted else run_limits(path, len(crops)) as options:
            return logits(crops, options)

    if running == "cpu":
        return LoadedClassifier(card, "onnx", running, run)

    def run_padded(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return run(padded_batch(crops, GPU_BATCH_SIZES))[: len(crops)]

    blank = np.zeros((GPU_BATCH_SIZES[-1], card.model.input.size, card.model.input.size, 3), np.uint8)
    if not runs(device, lambda: [logits(blank[:count]) for count in GPU_BATCH_SIZES], first="faces"):
        return open_onnx(path, device="cpu", convention=convention)
    return LoadedClassifier(card, "onnx", running, run_padded, batch_size=GPU_BATCH_SIZES[-1])


def expert_switch(optional: Sequence[str], card: WeightsCard) -> dict[str, NDArray[Any]]:
    """Return the input that skips the frozen expert, if the file has it and the convention of the card does not use the expert.

    optional: names of the file's optional inputs.
    """
    return {EXPERT: np.array(False)} if EXPERT in optional and card.skips_expert else {}


def onnx_inputs(crops: NDArray[np.uint8], card: WeightsCard, interface: Interface) -> dict[str, NDArray[Any]]:
    """Return the inputs, by name, of a file with this interface for aligned crops uint8 [B, S, S, 3]."""
    if interface == "images":
        return {INPUT: to_input(crops, card.model.input)}
    check_crops(crops, card.model.input)
    inputs: dict[str, NDArray[Any]] = {CROPS: np.ascontiguousarray(crops)}
    if interface == "faces":  # already aligned: their points are the template's
        points = card.crop.points_px(card.model.input.size).astype(np.float32)
        inputs[POINTS] = np.repeat(points[None], len(crops), axis=0)
    return inputs


def open_torch(path: Path, *, device: str = "auto", convention: str | None = None) -> LoadedClassifier:
    """Open a safetensors file in torch: the inference part of BTN, strictly loaded, in evaluation mode.

    convention: as for `load_classifier`. Raises: RefusedError without torch.
    """
    require(str(path), TORCH)
    import torch

    from fercli.system.float32 import float32_products
    from fercli.weights.network import load_btn
    from fercli.weights.torch_input import input_tensor

    model, card = load_btn(path)
    card = card.for_convention(convention)
    target = resolve_device(device)
    layout = torch.channels_last if target.type == "cuda" else torch.contiguous_format
    model.to(target).to(memory_format=layout)

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode(), float32_products(tf32=False):
            batch = input_tensor(crops, card.model.input, target).contiguous(memory_format=layout)
            return model(batch, card.head).float().cpu().numpy()

    return LoadedClassifier(card, "torch", str(target), run, CHUNK if target.type == "cpu" else GPU_BATCH_SIZES[-1])


def load_classifier(
    name_or_path: str | Path | None = None,
    engine: str = "auto",
    device: str = "auto",
    *,
    convention: str | None = None,
) -> Classifier:
    """Load a model by name or path (None: the default model); engine auto prefers the ONNX file.

    convention: the label convention of the predictions, for a model that has several; None is its default. The classifier's
    card has the temperature, abstain_below, prior and scores of this convention.
    Raises: UsageError for an unknown engine or device or a file the engine cannot run, WeightsError, DeviceError.
    """
    if engine not in get_args(Engine):
        raise UsageError(f"unknown engine {engine!r}", fix=f"engines: {', '.join(get_args(Engine))}")
    check_name(device)
    suffixes = {"auto": (ONNX_SUFFIX, TORCH_SUFFIX), "onnx": (ONNX_SUFFIX,), "torch": (TORCH_SUFFIX,)}[engine]
    path = find_weights(name_or_path, suffixes)
    if path.suffix == ONNX_SUFFIX and engine != "torch":
        return open_onnx(path, device=device, convention=convention)
    if engine == "onnx":
        raise UsageError(
            f"engine onnx runs {ONNX_SUFFIX} files, not {path}",
            fix=f"fer export --onnx --weights {path}, or --engine torch",
        )
    if path.suffix == ONNX_SUFFIX:
        raise UsageError(
            f"engine torch runs {TORCH_SUFFIX} files, not {path}", fix="--engine onnx, or the .safetensors file"
        )
    if path.suffix != TORCH_SUFFIX and path.suffix in (".pt", ".pth", ".tar", ".bin", ".pkl", ".ckpt"):
        raise WeightsError(
            f"{path} is probably a checkpoint of another project",
            fix=f"fer convert {path} {path.with_suffix(TORCH_SUFFIX)}",
        )
    return open_torch(path, device=device, convention=convention)
