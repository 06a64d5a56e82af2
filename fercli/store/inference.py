"""Aligned crops in, calibrated probabilities out: one interface over ONNX Runtime and torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from fercli.core.card import WeightsCard
from fercli.core.preprocess import softmax, to_input
from fercli.devices import check_name, resolve_device
from fercli.errors import UsageError, WeightsError
from fercli.store.onnx import INPUT, OUTPUT, open_session, session_metadata
from fercli.store.weights import ONNX_SUFFIX, TORCH_SUFFIX, card_from, check_keys, find_weights, load_weights

Engine = Literal["auto", "onnx", "torch"]
CHUNK = 32  # faces run at once: more gains no speed and costs memory


class Classifier(Protocol):
    """A trained model ready to run. `engine` and `device` say what really runs, not what was asked for."""

    card: WeightsCard
    engine: str
    device: str

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """P_VIT of RGB crops uint8 [B, S, S, 3] (S = card.model.input.size): float32 [B, N]."""
        ...

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities of RGB crops uint8 [B, S, S, 3]: float32 [B, N], columns as card.labels."""
        ...


class _Chunked:
    """What both engines share: chunks of crops, preprocessing as the card says, temperature."""

    def __init__(self, card: WeightsCard, *, engine: str, device: str) -> None:
        self.card = card
        self.engine = engine
        self.device = device

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = [
            self._run(to_input(crops[start : start + CHUNK], self.card.model.input))
            for start in range(0, len(crops), CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.card.labels)), np.float32)

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return softmax(self.logits(crops), self.card.temperature)

    def _run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        raise NotImplementedError


class OnnxClassifier(_Chunked):
    """An exported file in ONNX Runtime; torch is never imported."""

    def __init__(self, path: Path, *, device: str = "auto") -> None:
        self._session, running = open_session(path, device)
        super().__init__(card_from(session_metadata(self._session), where=str(path)), engine="onnx", device=running)

    def _run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._session.run([OUTPUT], {INPUT: images})[0], np.float32)


class TorchClassifier(_Chunked):
    """A safetensors file in torch: the inference part of BTN, strictly loaded, in evaluation mode."""

    def __init__(self, path: Path, *, device: str = "auto") -> None:
        import torch

        from fercli.models.btn import BTN

        state, card = load_weights(path)
        target = resolve_device(device)
        model = BTN(card.model, len(card.labels), training_parts=False)
        check_keys(state, model.state_dict(), where=str(path))
        model.load_state_dict(state)
        layout = torch.channels_last if target.type == "cuda" else torch.contiguous_format
        self._model = model.eval().to(target).to(memory_format=layout)
        self._target, self._layout = target, layout
        super().__init__(card, engine="torch", device=str(target))

    def _run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(images).to(self._target, memory_format=self._layout)
            return self._model(batch).float().cpu().numpy()


def load_classifier(name_or_path: str | Path | None = None, engine: str = "auto", device: str = "auto") -> Classifier:
    """Load a model by name or path; None is the shipped default, engine auto prefers the ONNX file.

    Raises: UsageError for an unknown engine or device or a file the engine cannot run, WeightsError, DeviceError.
    """
    if engine not in get_args(Engine):
        raise UsageError(f"unknown engine {engine!r}", fix=f"engines: {', '.join(get_args(Engine))}")
    check_name(device)
    suffixes = {"auto": (ONNX_SUFFIX, TORCH_SUFFIX), "onnx": (ONNX_SUFFIX,), "torch": (TORCH_SUFFIX,)}[engine]
    path = find_weights(name_or_path, suffixes)
    if path.suffix == ONNX_SUFFIX and engine != "torch":
        return OnnxClassifier(path, device=device)
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
            f"{path} looks like a foreign checkpoint", fix=f"fer convert {path} {path.with_suffix(TORCH_SUFFIX)}"
        )
    return TorchClassifier(path, device=device)
