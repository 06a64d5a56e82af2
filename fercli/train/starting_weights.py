"""Loading backbone files and whole weights files into a network before training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.errors import WeightsError
from fercli.system.digest import file_sha256
from fercli.weights.conventions import CONVENTION_HEADS
from fercli.weights.files import check_keys, load_part, load_weights, part_of
from fercli.weights.find import find_weights

if TYPE_CHECKING:
    from fercli.models.btn import BTN


def load_starting_weights(model: BTN, files: Sequence[str]) -> list[dict[str, Any]]:
    """Load every file into the model, later files over earlier ones; returns what each file provided, for the card.

    A part file fills its branch exactly. A whole weights file fills every part of the same shape: with another number of
    classes its heads are left out, as are an expert and heads of label conventions that the model lacks, and at another input
    size its position tables are resized; the result lists both.
    Raises: WeightsError for a file that does not fit.
    """
    return [_load(model, find_weights(file, (".safetensors",))) for file in files]


def _load(model: BTN, path: Path) -> dict[str, Any]:
    return _load_whole(model, path) if part_of(path) is None else _load_part(model, path)


def _load_part(model: BTN, path: Path) -> dict[str, Any]:
    state, card = load_part(path)
    expected = {name: value for name, value in model.state_dict().items() if name.startswith(f"{card.part}.")}
    check_keys(state, expected, where=str(path))
    model.load_state_dict(state, strict=False)
    return {"part": card.part, **_file_facts(path), "provenance": card.provenance}


def _load_whole(model: BTN, path: Path) -> dict[str, Any]:
    from fercli.models.position_tables import resize_positions

    expected = model.state_dict()
    state, card = load_weights(path)
    state, resized = resize_positions(state, expected)
    fitting = {k: v for k, v in state.items() if k in expected and expected[k].shape == v.shape}
    left_out = sorted(set(state) - set(fitting))
    if any(not key.startswith(("vit.head.", f"{CONVENTION_HEADS}.", "expert.")) for key in left_out):
        raise WeightsError(
            f"{path} ({card.model.preset}) does not fit {model.config.preset}: {len(left_out)} entries differ "
            f"({', '.join(left_out[:4])})",
            fix=f"--model {card.model.preset}, or start from its backbones",
        )
    model.load_state_dict(fitting, strict=False)
    return {
        "part": "all",
        **_file_facts(path),
        "left_out": left_out,
        "resized": resized,
        "provenance": card.provenance,
    }


def _file_facts(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": file_sha256(path)}
