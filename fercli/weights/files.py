"""Read and write weights files (safetensors with their card).

Importing this module loads neither torch nor onnx; functions that return tensors load torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from safetensors import SafetensorError, safe_open

from fercli.errors import WeightsError
from fercli.system.files import replacing
from fercli.system.json_text import parse_json
from fercli.system.model_digest import check_digest, fill_safetensors_digest, reserved_digest
from fercli.weights.card import WeightsCard

if TYPE_CHECKING:
    from torch import Tensor

TORCH_SUFFIX, ONNX_SUFFIX = ".safetensors", ".onnx"
PartName = Literal["image_backbone", "landmark_backbone"]

_LISTED = 4  # keys in an error message


@dataclass(frozen=True)
class PartCard:
    """The card of a file with one part of a network."""

    part: PartName
    provenance: dict[str, Any]


def save_weights(path: Path, state: Mapping[str, Tensor], card: WeightsCard) -> None:
    """Write a state dict and its card as one safetensors file, under a temporary name first."""
    _save(path, state, {"card": card.to_json()})


def check_tensors(path: Path) -> None:
    """Read every tensor of a safetensors file without torch, and check its digest.

    Raises: WeightsError if the file is broken.
    """
    with _open(path, "np") as file:
        for key in file.keys():  # noqa: SIM118 (not a mapping)
            file.get_tensor(key)
    check_digest(path)


def load_weights(path: Path) -> tuple[dict[str, Tensor], WeightsCard]:
    """Read a state dict (on the CPU) and its card. Raises: WeightsError, also if the file's digest does not match."""
    card = read_card(path)
    check_digest(path)
    with _open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, card  # noqa: SIM118 (not a mapping)


def read_card(path: Path) -> WeightsCard:
    """Read the card of a .safetensors or an .onnx file without loading its tensors."""
    if path.suffix == ONNX_SUFFIX:
        from fercli.weights.onnx_interface import onnx_metadata

        metadata = onnx_metadata(path)
    else:
        metadata = _metadata(path)
    return card_from(metadata, where=str(path))


def card_from(metadata: Mapping[str, str], *, where: str) -> WeightsCard:
    """Parse the card in a file's metadata. Raises: WeightsError if there is none."""
    if "card" in metadata:
        return WeightsCard.from_json(metadata["card"], where=where)
    if "part" in metadata:
        raise WeightsError(
            f"{where} contains only the {metadata['part']} of a model",
            fix="train a model that starts from it: fer train DATA --init-from " + where,
        )
    raise WeightsError(
        f"{where} has no card, so its labels and preprocessing are unknown",
        fix="use a file that `fer train`, `fer convert` or `fer export` wrote",
    )


def save_part(path: Path, state: Mapping[str, Tensor], card: PartCard) -> None:
    """Write one part of a network; `state` keys must start with the part's name and a dot, as in the whole BTN."""
    wrong = [key for key in state if not key.startswith(f"{card.part}.")]
    if wrong:
        raise ValueError(f"keys of a {card.part} must start with {card.part!r}: {wrong[:_LISTED]}")
    _save(path, state, {"part": card.part, "provenance": json.dumps(card.provenance, sort_keys=True)})


def load_part(path: Path) -> tuple[dict[str, Tensor], PartCard]:
    """Read one part of a network, with keys as in the whole BTN. Raises: WeightsError for any other or a damaged file."""
    part = part_of(path)
    if part is None:
        raise WeightsError(
            f"{path} is not a backbone file", fix="fer convert SOURCE OUT makes one from published weights"
        )
    check_digest(path)
    with _open(path, "pt") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    try:
        provenance = parse_json(_metadata(path).get("provenance", "{}"))
    except ValueError as error:
        raise WeightsError(
            f"{path}: its provenance is not JSON ({error})", fix="fer convert writes the file"
        ) from error
    return state, PartCard(part, provenance)


def part_of(path: Path) -> PartName | None:
    """Return the part of a network in a safetensors file, None for any other file; reads no tensor."""
    part = _metadata(path).get("part")
    return next((name for name in get_args(PartName) if name == part), None)


def check_keys(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, where: str) -> None:
    """Raise WeightsError unless `state` has exactly the names and shapes of `expected`; the message names a few of each kind."""
    kinds = [
        _few("missing", [key for key in expected if key not in state]),
        _few("unknown", [key for key in state if key not in expected]),
        _few(
            "of another shape",
            [
                f"{key} {list(state[key].shape)} for {list(expected[key].shape)}"
                for key in expected
                if key in state and state[key].shape != expected[key].shape
            ],
        ),
    ]
    differences = [kind for kind in kinds if kind]
    if differences:
        raise WeightsError(
            f"{where} does not match the model in its card: " + "; ".join(differences),
            fix="use a file that `fer train` or `fer convert` wrote, or update fercli",
        )


def _few(kind: str, keys: Iterable[str]) -> str:
    listed = list(keys)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"{len(listed)} {kind} ({', '.join(listed[:_LISTED])}{more})" if listed else ""


def _save(path: Path, state: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    from safetensors.torch import save_file

    # clone: safetensors refuses tensors that share storage, and a view would keep its whole base
    tensors = {key: tensor.detach().to("cpu").clone().contiguous() for key, tensor in state.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=metadata | reserved_digest())
        fill_safetensors_digest(temporary)
        temporary.chmod(0o644)  # safetensors writes files that only their owner can read


def _metadata(path: Path) -> dict[str, str]:
    with _open(path, "np") as file:
        return file.metadata() or {}


def _open(path: Path, framework: Literal["pt", "np"]) -> Any:
    """Open a safetensors file. Raises: WeightsError for a missing, a pickled or a broken file."""
    if not path.is_file():
        raise WeightsError(f"there is no weights file {path}", fix="fer doctor lists the available weights")
    try:
        return safe_open(path, framework=framework)
    except (SafetensorError, OSError) as error:
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"PK" or start[:1] == b"\x80":
            raise WeightsError(
                f"{path} is a pickled checkpoint, which could run code when loaded",
                fix=f"fer convert {path} {path.with_suffix(TORCH_SUFFIX)}",
            ) from error
        raise WeightsError(
            f"{path} is not a safetensors file, or is truncated ({error})", fix="download the file again"
        ) from error
