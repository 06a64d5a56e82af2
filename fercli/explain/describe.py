"""`fer describe`: shapes, parameters and multiply-accumulates of every module of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fercli.config.model import BtnConfig
from fercli.config.presets import MODELS, default_recipe, with_recipe
from fercli.config.presets import recipe as recipe_preset
from fercli.config.settings import override
from fercli.config.training import LossConfig, TrainConfig
from fercli.config.validate import from_dict
from fercli.errors import UsageError, WeightsError
from fercli.models.counting import ModuleCount, NetworkCount, count_network
from fercli.models.state_keys import StateKey, state_keys
from fercli.system.csv_file import write_rows
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.system.json_file import write_json
from fercli.system.model_digest import DigestState, check_digest
from fercli.weights.card import WeightsCard
from fercli.weights.files import read_card
from fercli.weights.find import find_weights
from fercli.weights.run_folder import seed_folders

DESCRIPTION_NAME = "describe.json"


@dataclass(frozen=True)
class Description:
    """A network counted twice: at inference and in training.

    name: of the preset or the weights. keys: every entry of the state dict in training. digest: whether the file of the
    weights has a digest, which then matches; None for a preset.
    """

    name: str
    preset: str
    classes: int
    input_size: int
    inference: NetworkCount
    training: NetworkCount
    keys: tuple[StateKey, ...]
    digest: DigestState | None = None

    @property
    def training_only(self) -> int:
        """Parameters that exist in training only: MLA, embedding, CBA, an image head, as far as the losses need them."""
        return self.training.total.parameters - self.inference.total.parameters

    @property
    def modules(self) -> tuple[ModuleCount, ...]:
        """Every module of the network, those of training only last."""
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
    """Count a preset (default: 7 classes) or the network of weights; no weights are loaded or run.

    Which modules training has depends on the losses: those of `recipe` for a preset (default: its usual one), those of the
    recipe on their card for weights. settings: `name=value` changes to preset and recipe. out: a new folder for
    describe.json, modules.csv and keys.csv.
    Raises: UsageError for recipe or settings of weights, or unknown ones; WeightsError for a name that is neither, and
    for a file whose digest does not match.
    """
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=DESCRIPTION_NAME)
    path = None if name in MODELS else _weights_file(name)
    config, loss, labels = _network(name, recipe, settings, path)
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
        digest=None if path is None else check_digest(path),
    )
    if out is not None:
        with replacing_folder(out) as folder:
            _write(folder, result)
    return result


def level(module: ModuleCount, names: set[str]) -> int:
    """Return the nesting level of a module among `names`: 1 for a part of the network, 2 for a part of a part."""
    pieces = module.name.split(".")
    return sum(".".join(pieces[:length]) in names for length in range(1, len(pieces) + 1))


def description_record(result: Description) -> dict[str, object]:
    """Return the counts as plain values, totals first."""
    inference, training = result.inference, result.training
    return {
        "name": result.name,
        "preset": result.preset,
        "classes": result.classes,
        "input_size": result.input_size,
        "digest": result.digest,
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
class _Config:
    model: BtnConfig
    train: TrainConfig


def _network(
    name: str, recipe: str | None, settings: Sequence[str], weights: Path | None
) -> tuple[BtnConfig, LossConfig, int | None]:
    """Return configuration, losses, and the number of classes if weights fix it. weights: None for a preset."""
    if weights is None:
        model = with_recipe(MODELS[name], recipe) if recipe else MODELS[name]
        config = _Config(model, recipe_preset(recipe) if recipe else default_recipe(name))
        config = override(config, settings, groups=("model", "train"))
        return config.model, config.train.loss, None
    if settings or recipe:
        raise UsageError(
            f"{name} is trained weights: its recipe and settings are fixed", fix=f"a preset: {', '.join(MODELS)}"
        )
    card = read_card(weights)
    return card.model, _losses(card), len(card.labels)


def _weights_file(name: str) -> Path:
    """Return the file of weights; of a folder with several seeds, which have the same network, that of the first."""
    seeds = seed_folders(Path(name))
    return find_weights(seeds[0] if seeds else name)


def _losses(card: WeightsCard) -> LossConfig:
    """Return the losses of the card's recipe, ignoring fields of other versions; the default ones without a recipe."""
    recipe = card.provenance.get("recipe")
    stated = recipe.get("loss") if isinstance(recipe, Mapping) else None
    if not isinstance(stated, Mapping):
        return LossConfig()
    known = {field.name for field in fields(LossConfig)}
    values = {name: value for name, value in stated.items() if name in known}
    return from_dict(
        LossConfig, values, where=f"the recipe of {card.name}", error=WeightsError, fix="describe its preset"
    )


def _write(folder: Path, result: Description) -> None:
    write_json(folder / DESCRIPTION_NAME, description_record(result))
    inference = {module.name for module in result.inference.modules}
    modules = [
        [
            module.name,
            module.kind,
            "inference" if module.name in inference else "training",
            " ".join(shape_text(shape) for shape in module.output),
            module.parameters,
            module.macs,
            module.thop_macs,
            module.thop_parameters,
        ]
        for module in result.modules
    ]
    head = ["module", "kind", "used_in", "output", "parameters", "macs", "thop_macs", "thop_parameters"]
    write_rows(folder / "modules.csv", head, modules)
    keys = [[key.name, "x".join(map(str, key.shape)), key.dtype, key.kind, key.used_in] for key in result.keys]
    write_rows(folder / "keys.csv", ["key", "shape", "dtype", "kind", "used_in"], keys)


def shape_text(shape: Sequence[int]) -> str:
    """Format the shape of a tensor without its batch dimension: 64x28x28."""
    return "x".join(map(str, shape[1:]))
