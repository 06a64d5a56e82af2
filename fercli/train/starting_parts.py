"""Which parts of a network the files of --init-from fill, and which settings their cards bring along."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from fercli.config.model import BtnConfig
from fercli.config.settings import leaves_of, value_text
from fercli.config.validate import from_dict
from fercli.errors import UsageError, WeightsError
from fercli.weights.files import TORCH_SUFFIX, PartName, part_of, read_card
from fercli.weights.find import find_weights

PRETRAINED: tuple[PartName, ...] = get_args(PartName)
_NAMES = {"image_backbone": "image branch", "landmark_backbone": "landmark branch"}
# settings that weights were trained with and that no tensor's shape shows: the card's values are needed to use them
_FROM_CARD = (
    "input.size",
    "input.mean",
    "input.std",
    "input.colour",
    "backbone_size",
    "resize_mode",
    "landmark.input",
    "cross.heads",
    "vit.heads",
    "vit.embed_gelu",
)
_RESIZABLE = ("input.size", "backbone_size")  # position tables are resized, so another side is a choice


@dataclass(frozen=True)
class CardValue:
    """A setting whose value comes from the card of a starting file instead of the preset."""

    name: str
    value: Any
    preset: Any
    file: Path

    def __str__(self) -> str:
        return f"{self.name}={value_text(self.value)} (preset: {value_text(self.preset)})"


def part_sources(files: Sequence[str]) -> dict[PartName, Path]:
    """Return the file that each pretrained part is loaded from: the last one that has it."""
    sources: dict[PartName, Path] = {}
    for file in files:
        path = find_weights(file, (TORCH_SUFFIX,))
        part = part_of(path)
        sources |= dict.fromkeys(PRETRAINED if part is None else (part,), path)
    return sources


def require_parts(files: Sequence[str], model: BtnConfig, *, from_scratch: bool) -> None:
    """Raise WeightsError naming every pretrained part that no file has, unless from_scratch allows that."""
    missing = [part for part in PRETRAINED if part not in part_sources(files)]
    if from_scratch or not missing:
        return
    names = " and ".join(f"the {_NAMES[part]}" for part in missing)
    frozen = ", which is not trained" if "landmark_backbone" in missing else ""
    raise WeightsError(
        f"no --init-from file has weights for {names}{frozen}: it would start at random",
        fix=f"{_suggestion(missing, model)} (see fer weights list, fer convert, fer distill), or --from-scratch",
    )


def describe_start(files: Sequence[str]) -> str:
    """Return one sentence: which part comes from which file."""
    sources = part_sources(files)
    whole = {path for file in files if part_of(path := find_weights(file, (TORCH_SUFFIX,))) is None}
    parts = [
        f"{_NAMES[part]} from {sources[part]}" if part in sources else f"{_NAMES[part]} random" for part in PRETRAINED
    ]
    rest = f"from {', '.join(sorted(map(str, whole)))}" if whole else "random"
    return f"starting weights: {', '.join(parts)}, all other layers {rest}"


def values_from_cards(
    model: BtnConfig, files: Sequence[str], *, given: Sequence[str]
) -> tuple[BtnConfig, list[CardValue]]:
    """Take over how the weights of a whole model were trained: the card's values win over the preset's.

    given: names that the user has set. Raises: UsageError where one of them contradicts the card.
    """
    sources = part_sources(files)
    changed: list[CardValue] = []
    values, own = dataclasses.asdict(model), leaves_of(model)
    conflicts = []
    for path in [path for file in files if part_of(path := find_weights(file, (TORCH_SUFFIX,))) is None]:
        card = leaves_of(read_card(path).model)
        for name in _FROM_CARD:
            if name == "landmark.input" and sources["landmark_backbone"] != path:
                continue  # another file replaces the landmark branch
            if own[name] == card[name]:
                continue
            if name in given:
                if name not in _RESIZABLE:
                    conflicts.append(
                        f"{path} was trained with {name}={value_text(card[name])}, --set says {value_text(own[name])}"
                    )
                continue
            changed.append(CardValue(name, card[name], own[name], path))
            _set(values, name, card[name])
    if conflicts:
        raise UsageError("; ".join(conflicts), fix="leave out the --set, or start from other weights")
    result = from_dict(BtnConfig, values, where="starting weights", error=UsageError, fix="--set backbone_size=...")
    return result, list({value.name: value for value in changed}.values())


def _suggestion(missing: Sequence[PartName], model: BtnConfig) -> str:
    if model.preset == "btn-compact":
        return "--init-from fer-compact"
    names = {"image_backbone": "ir50" if model.image.kind == "ir" else "FILE", "landmark_backbone": "mobilefacenet"}
    return " ".join(f"--init-from {names[part]}" for part in missing)


def _set(values: dict[str, Any], dotted: str, value: Any) -> None:
    *groups, leaf = dotted.split(".")
    for group in groups:
        values = values[group]
    values[leaf] = value
