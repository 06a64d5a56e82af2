"""The name of a preset or of weights in, shapes, parameters and multiply-adds of every module out."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fercli.config.model import BtnConfig
from fercli.config.presets import MODELS, usual_recipe
from fercli.config.presets import recipe as recipe_preset
from fercli.config.settings import override
from fercli.config.training import LossConfig, TrainConfig
from fercli.errors import UsageError
from fercli.models.counting import ModuleCount, NetworkCount, count_network
from fercli.models.state_keys import StateKey, state_keys
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.weights.card import WeightsCard
from fercli.weights.files import find_weights, read_card

RESULT_NAME = "describe.json"


@dataclass(frozen=True)
class Description:
    """A network counted twice: as it answers, and as it trains.

    name: the preset's, or the weights'. classes: how many it tells apart. Training only is the difference of the two.
    keys: every entry of the state dict in training.
    """

    name: str
    preset: str
    classes: int
    input_size: int
    inference: NetworkCount
    training: NetworkCount
    keys: tuple[StateKey, ...]

    @property
    def training_only(self) -> int:
        """Parameters that exist in training alone: MLA, embedding, CBA, an image head, as far as the losses need them."""
        return self.training.total.parameters - self.inference.total.parameters

    @property
    def modules(self) -> tuple[ModuleCount, ...]:
        """Every module of the network, those of training last."""
        known = {module.name for module in self.inference.modules}
        return (*self.inference.modules, *(module for module in self.training.modules if module.name not in known))


def describe(
    name: str,
    *,
    recipe: str | None = None,
    classes: int | None = None,
    settings: Sequence[str] = (),
    out: Path | None = None,
    overwrite: bool = False,
) -> Description:
    """Count a preset (`classes` is 7 unless given) or the network of weights; nothing is loaded or run.

    What exists in training only depends on the losses: of a preset those of `recipe`, its usual one unless named, of weights
    those of the recipe in their card. settings: `name=value` changes to preset and recipe. out: a new folder that gets
    describe.json, modules.csv and keys.csv.
    Errors: UsageError for recipe or settings of weights, or unknown ones; WeightsError for a name that is neither.
    """
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=RESULT_NAME)
    config, loss, labels = _network(name, recipe, settings)
    if classes is not None and labels is not None and classes != labels:
        raise UsageError(f"{name} has {labels} classes", fix="leave out --classes, or describe its preset")
    count = classes or labels or 7
    result = Description(
        name=name,
        preset=config.preset,
        classes=count,
        input_size=config.input.size,
        inference=count_network(config, count, training=None),
        training=count_network(config, count, training=loss),
        keys=state_keys(config, count, loss),
    )
    if out is not None:
        with replacing_folder(out) as folder:
            _write(folder, result)
    return result


def level(module: ModuleCount, names: set[str]) -> int:
    """How deep a module lies among `names`: 1 for a part of the network, 2 for a part of a part."""
    pieces = module.name.split(".")
    return sum(".".join(pieces[:length]) in names for length in range(1, len(pieces) + 1))


def as_record(result: Description) -> dict[str, object]:
    """The figures as plain values, totals first."""
    inference, training = result.inference, result.training
    return {
        "name": result.name,
        "preset": result.preset,
        "classes": result.classes,
        "input_size": result.input_size,
        "parameters": {
            "total": training.total.parameters,
            "live": training.total.parameters - training.dead,
            "training_only": result.training_only,
            "inference": inference.total.parameters,
            "frozen": inference.frozen,
        },
        "macs": {"inference": inference.total.macs, "training": training.total.macs},
        "thop": {
            "inference_macs": inference.total.thop_macs,
            "training_macs": training.total.thop_macs,
            "inference_parameters": inference.total.thop_parameters,
            "training_parameters": training.total.thop_parameters,
        },
        "discarded_by_the_baseline": asdict(inference.discarded),
        "modules": [asdict(module) for module in result.modules],
        "keys": [asdict(key) for key in result.keys],
    }


@dataclass(frozen=True)
class _Told:
    model: BtnConfig
    train: TrainConfig


def _network(name: str, recipe: str | None, settings: Sequence[str]) -> tuple[BtnConfig, LossConfig, int | None]:
    """Configuration, losses, and the number of classes where weights fix it."""
    if name in MODELS:
        told = _Told(MODELS[name], recipe_preset(recipe) if recipe else usual_recipe(name))
        told = override(told, settings, groups=("model", "train"))
        return told.model, told.train.loss, None
    if settings or recipe:
        raise UsageError(
            f"{name} is trained weights: its recipe and settings are fixed", fix=f"a preset: {', '.join(MODELS)}"
        )
    card = read_card(find_weights(name))
    return card.model, _losses(card), len(card.labels)


def _losses(card: WeightsCard) -> LossConfig:
    """The losses that the card's recipe states, whatever version of the program wrote it; the paper's without a recipe."""
    recipe = card.provenance.get("recipe")
    stated = recipe.get("loss") if isinstance(recipe, Mapping) else None
    known = {field.name for field in fields(LossConfig)}
    return LossConfig(**{name: value for name, value in stated.items() if name in known}) if stated else LossConfig()


def _write(folder: Path, result: Description) -> None:
    text = json.dumps(as_record(result), indent=2, ensure_ascii=False)
    (folder / RESULT_NAME).write_text(text + "\n", encoding="utf-8")
    inference = {module.name for module in result.inference.modules}
    with (folder / "modules.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["module", "kind", "used_in", "output", "parameters", "macs", "thop_macs", "thop_parameters"])
        for module in result.modules:
            used = "inference" if module.name in inference else "training"
            shapes = " ".join(shape_text(shape) for shape in module.output)
            counts = (module.parameters, module.macs, module.thop_macs, module.thop_parameters)
            writer.writerow([module.name, module.kind, used, shapes, *counts])
    with (folder / "keys.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", "shape", "dtype", "kind", "used_in"])
        writer.writerows(
            [key.name, "x".join(map(str, key.shape)), key.dtype, key.kind, key.used_in] for key in result.keys
        )


def shape_text(shape: Sequence[int]) -> str:
    """The shape of one image's tensor without its batch: 64x28x28."""
    return "x".join(map(str, shape[1:]))
