"""Load a network for inspection, with its batch part if it is a run's checkpoint.

Weights files contain only what inference needs; MLA, embedding and CBA are in a run's checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fercli.config.model import DEFAULT_HEAD_NAME, BtnConfig
from fercli.config.validate import from_dict
from fercli.errors import DataError, WeightsError
from fercli.models.btn import BTN
from fercli.system.devices import resolve_device
from fercli.system.float32 import exact_float32
from fercli.system.json_text import parse_json
from fercli.weights.card import WeightsCard
from fercli.weights.checkpoint import load_checkpoint
from fercli.weights.conventions import DEFAULT_HEAD, head_key
from fercli.weights.files import TORCH_SUFFIX, check_keys, load_weights, read_card
from fercli.weights.find import find_weights
from fercli.weights.run_folder import RunFolder
from fercli.weights.torch_input import input_tensor

_CHUNK = 32
_FIX = "fer train DATA, then give its run folder: -w runs/NAME"


@dataclass(frozen=True)
class Network:
    """A network in evaluation mode. source: its file; description: for people, such as `epoch 3 of the run, as trained`."""

    model: BTN
    card: WeightsCard
    source: Path
    description: str

    @property
    def has_batch_part(self) -> bool:
        return self.model.batch is not None

    @property
    def device(self) -> torch.device:
        return self.model.unit_scale.device

    def images(self, crops: NDArray[np.uint8]) -> Tensor:
        """Return RGB crops uint8 [B, S, S, 3] as the network's input [B, 3, S, S]."""
        return input_tensor(crops, self.card.model.input, self.device)

    @exact_float32
    @torch.inference_mode()
    def logits(self, images: Tensor) -> NDArray[np.float32]:
        """Return P_VIT float32 [B, N] of prepared images."""
        return torch.cat([self.model(part).float().cpu() for part in images.split(_CHUNK)]).numpy()

    @exact_float32
    @torch.inference_mode()
    def batch_embedding(self, images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return P_VIT [B, N] and the embeddings [B, N, D] of prepared images; ValueError without the batch part."""
        parts = [self.model.batch_embedding(part) for part in images.split(_CHUNK)]
        p_vit, embedding = (torch.cat([part[index].float().cpu() for part in parts]).numpy() for index in (0, 1))
        return p_vit, embedding


def load_btn(path: Path) -> tuple[BTN, WeightsCard]:
    """Load a weights file as a BTN in evaluation mode, on the CPU; WeightsError if its tensors do not fit its card."""
    state, card = load_weights(path)
    with torch.device("meta"):  # sizes of the card are compared with the tensors before they are allocated
        outline = BTN(card.model, len(card.labels), training_parts=False)
    check_keys(state, outline.state_dict(), where=str(path))
    model = BTN(card.model, len(card.labels), training_parts=False)
    model.load_state_dict(state)
    return model.eval(), card


def with_convention(model: BTN, card: WeightsCard, convention: str | None) -> tuple[BTN, WeightsCard]:
    """Return a model with one convention's head as its only one, and its card; None: both as they are.

    Raises: UsageError if the model does not have the convention.
    """
    if convention is None:
        return model, card
    chosen = card.for_convention(convention)
    state = model.state_dict()
    for part in ("weight", "bias"):
        state[f"{DEFAULT_HEAD}.{part}"] = state[f"{head_key(chosen.head)}.{part}"]
    uses_expert = bool(chosen.model.expert.heads) and not chosen.skips_expert
    if uses_expert:
        for part in ("weight", "bias"):
            state[f"expert.maps.{DEFAULT_HEAD_NAME}.{part}"] = state[
                f"expert.maps.{chosen.head or DEFAULT_HEAD_NAME}.{part}"
            ]
    expert = replace(chosen.model.expert, heads=(DEFAULT_HEAD_NAME,) if uses_expert else ())
    config = replace(chosen.model, conventions=(), expert=expert)
    kept = BTN(config, len(card.labels), training_parts=False)
    kept.load_state_dict({key: state[key] for key in kept.state_dict()})
    return kept.eval(), replace(chosen, model=config, conventions=())


def load_network(name_or_path: str | Path | None, *, device: str = "auto") -> Network:
    """Load the complete network of a run (folder or checkpoint.pt), or the inference part from a weights file or name.

    Of a run's folder the last epoch in its checkpoint is loaded, with averaged weights if the run averages, and with the
    batch part if it was trained with one. Raises: WeightsError for any other file, DeviceError.
    """
    path = Path(name_or_path) if name_or_path is not None else None
    if path is not None and path.name == "checkpoint.pt":
        path = path.parent
    if path is not None and RunFolder(path).config.is_file():
        return _from_run(RunFolder(path), torch.device(resolve_device(device)))
    file = find_weights(name_or_path, (TORCH_SUFFIX,))
    if file.suffix != TORCH_SUFFIX:
        raise WeightsError(f"{file} cannot be inspected", fix=f"give the {TORCH_SUFFIX} file it was exported from")
    model, card = load_btn(file)
    return Network(model.to(resolve_device(device)), card, file, "inference weights")


def require_batch_part(network: Network, feature: str) -> None:
    """Raise WeightsError unless the network has MLA, embedding and CBA. feature: what needs them, for the message."""
    if network.has_batch_part:
        return
    if network.source.suffix == TORCH_SUFFIX:
        raise WeightsError(
            f"{feature} needs the batch part (MLA, embedding, CBA), which is used in training only: "
            f"weights files such as {network.source} do not contain it, a run's checkpoint does",
            fix=_FIX,
        )
    raise WeightsError(
        f"{feature} needs the batch part (MLA, embedding, CBA), and the run of {network.source} was trained without it",
        fix="give a run with loss.bt or loss.cba above 0",
    )


def _from_run(folder: RunFolder, device: torch.device) -> Network:
    saved = load_checkpoint(folder.checkpoint)
    config = _model_config(folder)
    card = _card(folder)
    averaged = saved.get("ema")
    state = saved["model"] if averaged is None else _averaged_state(averaged)
    training_parts = any(key.startswith(("batch.", "ablation.head.")) for key in state)
    image_head = "image_head.weight" in state
    model = BTN(config, len(card.labels), training_parts=training_parts, image_head=image_head)
    check_keys(state, model.state_dict(), where=str(folder.checkpoint))
    model.load_state_dict(state)
    epoch = saved.get("state", {}).get("epoch")
    description = f"epoch {epoch} of the run, {'as trained' if averaged is None else 'averaged weights'}"
    return Network(model.eval().to(device), card, folder.checkpoint, description)


def _averaged_state(averaged: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of torch's AveragedModel, which keeps the network under `module.`."""
    prefix = "module."
    return {name.removeprefix(prefix): value for name, value in averaged.items() if name.startswith(prefix)}


def _model_config(folder: RunFolder) -> BtnConfig:
    try:
        values = parse_json(folder.config.read_text(encoding="utf-8"))["model"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder.config} is not a run's configuration ({error!r})", fix=_FIX) from error
    return from_dict(BtnConfig, values, where=str(folder.config), error=WeightsError, fix=_FIX)


def _card(folder: RunFolder) -> WeightsCard:
    """The card of the last epoch's weights, whose temperature matches the checkpoint; of any weights if there are none."""
    files = [path for path in (folder.weights("last"), *sorted(folder.path.glob(f"*{TORCH_SUFFIX}"))) if path.is_file()]
    if not files:
        raise DataError(f"{folder.path} has no weights yet", fix="wait until fer train has finished an epoch")
    return read_card(files[0])
