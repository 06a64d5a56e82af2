"""Where a network starts from: backbone files and whole weights files, put into a BTN by part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.errors import WeightsError
from fercli.system.digest import file_sha256
from fercli.weights.files import check_keys, find_weights, load_part, load_weights, part_of

if TYPE_CHECKING:
    from fercli.models.btn import BTN


def start_from(model: BTN, files: Sequence[str]) -> list[dict[str, Any]]:
    """Load every file into the model, later ones over earlier ones; returns what each brought, for the card.

    A part file fills its branch exactly. A whole weights file fills every part that has the same shape: with another number of
    classes its head is left out, and at another input size its position tables are resized; both are said.
    Raises: WeightsError for a file that does not fit.
    """
    return [_load(model, find_weights(file, (".safetensors",))) for file in files]


def has_landmarks(files: Sequence[str]) -> bool:
    """Whether any of the files holds a landmark branch."""
    return any(part_of(find_weights(file, (".safetensors",))) in (None, "landmark_backbone") for file in files)


def _load(model: BTN, path: Path) -> dict[str, Any]:
    ours = model.state_dict()
    origin = {"file": path.name, "sha256": file_sha256(path)}
    if part_of(path) is not None:
        state, card = load_part(path)
        check_keys(state, {k: v for k, v in ours.items() if k.startswith(f"{card.part}.")}, where=str(path))
        model.load_state_dict(state, strict=False)
        return {"part": card.part, **origin, "provenance": card.provenance}
    from fercli.models.position_tables import resize_positions

    state, whole = load_weights(path)
    state, resized = resize_positions(state, ours)
    fitting = {k: v for k, v in state.items() if k in ours and ours[k].shape == v.shape}
    left_out = sorted(set(state) - set(fitting))
    if any(not key.startswith("vit.head.") for key in left_out):
        raise WeightsError(
            f"{path} ({whole.model.preset}) does not fit {model.config.preset}: {len(left_out)} entries differ "
            f"({', '.join(left_out[:4])})",
            fix=f"--model {whole.model.preset}, or start from its backbones",
        )
    model.load_state_dict(fitting, strict=False)
    return {"part": "all", **origin, "left_out": left_out, "resized": resized, "provenance": whole.provenance}
