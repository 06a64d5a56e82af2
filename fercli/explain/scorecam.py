"""Figures 5 to 7: Score-CAM maps of the layers of one or two networks over faces (scorecam.png, .npz).

Score-CAM (Wang et al. 2020) is pytorch-grad-cam's; this file is the only one that knows that package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fercli.errors import UsageError, WeightsError
from fercli.explain.images import LabelledImage, load_crops
from fercli.explain.plots import HeatRow, is_flat, plot_heat
from fercli.models.btn import BTN
from fercli.progress import Progress
from fercli.system.packages import require
from fercli.weights.network import Network, require_batch_part

LAYERS = ("F1", "F2", "F3", "S1", "S2", "S3", "mla", "embed", "vit.norm")
_TRAINING_ONLY = ("mla", "embed")
_CHUNK = 32  # masked images at once


@dataclass(frozen=True)
class ScoreCam:
    """layers: names of LAYERS. head: whose score of the target class weights the maps. target: `label`, `predicted` or a class.

    P_VIT scores a masked image alone. P_CBA scores it in a batch with the other images of the figure, unmasked.
    """

    layers: tuple[str, ...] = ("F1", "F2", "F3", "S1", "S2", "S3")
    head: Literal["vit", "cba"] = "vit"
    target: str = "label"

    name = "scorecam"
    networks = (1, 2)
    balanced = True
    default_count = 4

    def __post_init__(self) -> None:
        unknown = [layer for layer in self.layers if layer not in LAYERS]
        if unknown or not self.layers:
            raise UsageError(f"no layer {', '.join(unknown) or 'given'}", fix=f"layers: {', '.join(LAYERS)}")

    def check(self, networks: Sequence[Network]) -> None:
        """Raise UsageError, WeightsError or RefusedError if a network or the environment lacks what the figure needs."""
        for network in networks:
            training_only = [layer for layer in self.layers if layer in _TRAINING_ONLY]
            if network.model.ablation is not None:  # Table 5's "MLA only" has it without a batch part
                training_only = [layer for layer in training_only if layer != "mla"]
            if training_only or self.head == "cba":
                require_batch_part(network, f"--layer {training_only[0]}" if training_only else "--head cba")
            for layer in self.layers:
                _module(network.model, layer)
            if self.target not in ("label", "predicted", *network.card.labels):
                raise UsageError(
                    f"--target {self.target} is not a class of {network.card.name}",
                    fix=f"label, predicted, {', '.join(network.card.labels)}",
                )
        _library()

    def draw(
        self,
        networks: Sequence[Network],
        images: Sequence[LabelledImage],
        names: Sequence[str],
        folder: Path,
        progress: Progress,
    ) -> tuple[str, ...]:
        """Write scorecam.png and scorecam.npz (maps 0..1, [images, layers, S, S] per network); return remarks."""
        rows: list[HeatRow] = []
        remarks: list[str] = []
        arrays: dict[str, Any] = {
            "layers": np.array(self.layers),
            "images": np.array([image.name for image in images]),
        }
        steps = len(images) * len(self.layers)
        for number, (network, name) in enumerate(zip(networks, names, strict=True)):

            def report(done: int, note: str, *, before: int = number * steps, name: str = name) -> None:
                progress(before + done, len(networks) * steps, f"{name}, {note}")

            maps, targets, network_rows = self._of_network(network, images, name, report)
            letter = "ab"[number]
            arrays |= {f"maps_{letter}": maps, f"targets_{letter}": targets, f"network_{letter}": np.array(name)}
            rows += network_rows
            remarks += _flat_remark(maps, name, self.layers)
        progress(len(networks) * steps, len(networks) * steps, "")
        np.savez_compressed(folder / "scorecam.npz", **arrays)
        rows.sort(key=lambda row: row.order)  # the rows of one image below each other
        plot_heat(folder / "scorecam.png", rows, columns=self.layers)
        head = "P_VIT of the masked image alone"
        if self.head == "cba":
            head = "P_CBA of the masked image in a batch with the figure's other images"
        return (
            f"Maps are weighted by {head}, target class: {self.target}.",
            "Each map is scaled to 0..1 on its own: values can be compared within a map, not between maps.",
            *remarks,
        )

    def _of_network(
        self,
        network: Network,
        images: Sequence[LabelledImage],
        name: str,
        report: Callable[[int, str], None],
    ) -> tuple[NDArray[np.float32], NDArray[np.str_], list[HeatRow]]:
        """Compute maps [images, layers, S, S], target classes [images] and the rows of the plot."""
        crops = load_crops(images, network.card.model.input.size)
        inputs = network.images(crops)
        logits = network.logits(inputs)
        labels = network.card.labels
        targets = [self._target(network, image, row) for image, row in zip(images, logits, strict=True)]
        maps = np.zeros((len(images), len(self.layers), *crops.shape[1:3]), np.float32)
        rows = []
        for index, image in enumerate(images):
            others = torch.cat([inputs[:index], inputs[index + 1 :]])
            score = CbaScore(network.model, others) if self.head == "cba" else _VitScore(network.model, self.layers)
            for column, layer in enumerate(self.layers):
                report(index * len(self.layers) + column, f"{layer}, {image.name}")
                maps[index, column] = _score_cam(score, network.model, layer, inputs[index : index + 1], targets[index])
            predicted = labels[int(logits[index].argmax())]
            text = f"{name}\n{image.label}, predicted {predicted}\ntarget {labels[targets[index]]}"
            rows.append(HeatRow(crops[index], maps[index], text, index))
        return maps, np.array([labels[target] for target in targets]), rows

    def _target(self, network: Network, image: LabelledImage, logits: NDArray[np.float32]) -> int:
        if self.target == "predicted":
            return int(logits.argmax())
        label = image.label if self.target == "label" else self.target
        if label not in network.card.labels:
            raise WeightsError(f"{network.card.name} has no class {label}", fix="--target predicted")
        return network.card.labels.index(label)


def _flat_remark(maps: NDArray[np.float32], name: str, layers: Sequence[str]) -> list[str]:
    """A note about maps that hardly differ between places, by layer; none without such maps."""
    flat = {layer: sum(map(is_flat, maps[:, column])) for column, layer in enumerate(layers)}
    listed = ", ".join(f"{layer} ({count} of {len(maps)})" for layer, count in flat.items() if count)
    if not listed:
        return []
    return [
        f"{name}: flat maps in {listed}: no mask changes the score more than another, so they do not show where the "
        "network looks."
    ]


class _VitScore(nn.Module):
    """P_VIT [B, N]; also runs the batch part if a map of one of its layers is needed, which does not change P_VIT."""

    def __init__(self, model: BTN, layers: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.with_batch = model.batch is not None and any(layer in _TRAINING_ONLY for layer in layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.model.batch_embedding(images)[0] if self.with_batch else self.model(images)


class CbaScore(nn.Module):
    """P_CBA [B, N] of each image in a batch of its own with the same other images (BTN, Eq. 7), as in training."""

    def __init__(self, model: BTN, others: Tensor) -> None:
        super().__init__()
        self.model = model
        with torch.no_grad():
            self.p_vit, self.embedding = model.batch_embedding(others)

    def forward(self, images: Tensor) -> Tensor:
        if self.model.batch is None:
            raise ValueError("this BTN has no batch part")
        cba = self.model.batch.cba
        rows = [
            cba.mix(torch.cat([embedding, self.embedding]), torch.cat([p_vit, self.p_vit])).p_cba[:1]
            for p_vit, embedding in zip(*(part.split(1) for part in self.model.batch_embedding(images)), strict=True)
        ]
        return torch.cat(rows)


def _score_cam(score: nn.Module, model: BTN, layer: str, image: Tensor, target: int) -> NDArray[np.float32]:
    """Compute the map of one layer for one image [1, 3, S, S]: float32 [S, S], 0..1."""
    library = _library()
    side = model.config.level_sides[2]
    cam = library.ScoreCAM(score, [_module(model, layer)], reshape_transform=lambda output: as_maps(output, side))
    cam.batch_size = _CHUNK
    try:
        with torch.no_grad(), _without_bars(library):
            return np.asarray(cam(image, [library.Target(target)])[0], np.float32)
    finally:
        cam.activations_and_grads.release()


def _module(model: BTN, layer: str) -> nn.Module:
    """Return the module whose output is the layer; WeightsError if this model has none."""
    level = int(layer[1]) - 1 if layer[0] in "FS" else 0
    part = {"F": model.tap_convs[level], "S": model.cross[level], "v": model.vit.norm}.get(layer[0])
    if layer == "mla":
        owner = model.batch if model.batch is not None and model.batch.mla is not None else model.ablation
        part = owner.mla if owner is not None else None
    if layer == "embed" and model.batch is not None:
        part = model.batch.cba.embed
    if part is None:
        raise WeightsError(f"{model.config.preset} as trained has no layer {layer}", fix="another --layer")
    return part


def as_maps(output: Tensor, side: int) -> Tensor:
    """Return a layer's output as maps [B, C, H, W]; tokens [B, 1 + L side^2, W] without class token, averaged over levels."""
    if output.ndim == 4:
        return output
    levels = output[:, 1:].unflatten(1, (-1, side, side))  # [B, L, side, side, W]
    return levels.mean(dim=1).permute(0, 3, 1, 2)


def _library() -> SimpleNamespace:
    require("Score-CAM", ["pytorch_grad_cam"])
    from pytorch_grad_cam import ScoreCAM, score_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    return SimpleNamespace(ScoreCAM=ScoreCAM, Target=ClassifierOutputTarget, module=score_cam)


@contextmanager
def _without_bars(library: SimpleNamespace) -> Iterator[None]:
    """Keep the library from drawing a progress bar for every map."""
    original = library.module.tqdm
    library.module.tqdm = SimpleNamespace(tqdm=lambda items: items)
    try:
        yield
    finally:
        library.module.tqdm = original
