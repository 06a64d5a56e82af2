"""Figures 5 to 7: which part of a face a layer of one or two networks answers to (scorecam.png, .npz).

Score-CAM (Wang et al. 2020) is pytorch-grad-cam's; this file is the only one that knows that package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fercli.errors import RefusedError, UsageError, WeightsError
from fercli.explain.faces import Face, crops_of
from fercli.explain.plots import HeatRow, plot_heat
from fercli.models.btn import BTN
from fercli.progress import Progress
from fercli.weights.network import Network, need_batch_part

LAYERS = ("F1", "F2", "F3", "S1", "S2", "S3", "mla", "embed", "vit.norm")
_TRAINING_ONLY = ("mla", "embed")
_CHUNK = 32  # masked images at once


@dataclass(frozen=True)
class ScoreCam:
    """layers: names of LAYERS. head: whose score of the target class weighs the maps. target: `label`, `predicted` or a class.

    P_VIT scores a masked image alone. P_CBA scores it in a batch with the other images of the figure, unmasked.
    """

    layers: tuple[str, ...] = ("F1", "F2", "F3", "S1", "S2", "S3")
    head: Literal["vit", "cba"] = "vit"
    target: str = "label"

    name = "scorecam"
    networks = (1, 2)
    even = True
    default_count = 4

    def __post_init__(self) -> None:
        unknown = [layer for layer in self.layers if layer not in LAYERS]
        if unknown or not self.layers:
            raise UsageError(f"no layer {', '.join(unknown) or 'given'}", fix=f"layers: {', '.join(LAYERS)}")

    def check(self, networks: Sequence[Network]) -> None:
        """UsageError, WeightsError or RefusedError where a network or the machine lacks what the figure needs."""
        for network in networks:
            wanted = [layer for layer in self.layers if layer in _TRAINING_ONLY]
            if network.model.ablation is not None:  # Table 5's "MLA only" has it without a batch part
                wanted = [layer for layer in wanted if layer != "mla"]
            if wanted or self.head == "cba":
                need_batch_part(network, f"--layer {wanted[0]}" if wanted else "--head cba")
            for layer in self.layers:
                _module(network.model, layer)
            if self.target not in ("label", "predicted", *network.card.labels):
                raise UsageError(
                    f"--target {self.target} is no class of {network.card.name}",
                    fix=f"label, predicted, {', '.join(network.card.labels)}",
                )
        _library()

    def draw(
        self, networks: Sequence[Network], faces: Sequence[Face], names: Sequence[str], place: Path, progress: Progress
    ) -> tuple[str, ...]:
        """Write scorecam.png and scorecam.npz (maps 0..1, [images, layers, S, S] per network); returns remarks."""
        rows: list[HeatRow] = []
        arrays: dict[str, Any] = {
            "layers": np.array(self.layers),
            "images": np.array([face.name for face in faces]),
        }
        total = len(networks) * len(faces) * len(self.layers)
        done = 0
        for letter, network, name in zip("ab", networks, names, strict=False):
            crops = crops_of(faces, network.card.model.input.size)
            images = network.images(crops)
            logits = network.logits(images)
            targets = [self._target(network, face, row) for face, row in zip(faces, logits, strict=True)]
            maps = np.zeros((len(faces), len(self.layers), *crops.shape[1:3]), np.float32)
            for row, face in enumerate(faces):
                mates = torch.cat([images[:row], images[row + 1 :]])
                scored = (
                    _CbaScore(network.model, mates) if self.head == "cba" else _VitScore(network.model, self.layers)
                )
                for column, layer in enumerate(self.layers):
                    progress(done, total, f"{name}, {layer}, {face.name}")
                    maps[row, column] = _score_cam(scored, network.model, layer, images[row : row + 1], targets[row])
                    done += 1
                label = network.card.labels[targets[row]]
                answer = network.card.labels[int(logits[row].argmax())]
                rows.append(HeatRow(crops[row], maps[row], f"{name}\n{face.label}, says {answer}\ntarget {label}", row))
            arrays |= {f"maps_{letter}": maps, f"targets_{letter}": np.array([network.card.labels[t] for t in targets])}
            arrays[f"network_{letter}"] = np.array(name)
        progress(total, total, "")
        np.savez_compressed(place / "scorecam.npz", **arrays)
        rows.sort(key=lambda row: row.order)  # the networks side by side: one under the other for each image
        plot_heat(place / "scorecam.png", rows, columns=self.layers)
        head = "P_VIT of the masked image alone"
        if self.head == "cba":
            head = "P_CBA of the masked image in a batch with the figure's other images"
        return (
            f"Maps are weighed by {head}, target class: {self.target}.",
            "Each map is scaled to 0..1 on its own: strength can be compared within a map, not between maps.",
        )

    def _target(self, network: Network, face: Face, logits: NDArray[np.float32]) -> int:
        if self.target == "predicted":
            return int(logits.argmax())
        label = face.label if self.target == "label" else self.target
        if label not in network.card.labels:
            raise WeightsError(f"{network.card.name} has no class {label}", fix="--target predicted")
        return network.card.labels.index(label)


class _VitScore(nn.Module):
    """P_VIT [B, N]; also runs the batch part where a layer of it is looked at, which changes nothing in P_VIT."""

    def __init__(self, model: BTN, layers: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.with_batch = model.batch is not None and any(layer in _TRAINING_ONLY for layer in layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.model.batch_embedding(images)[0] if self.with_batch else self.model(images)


class _CbaScore(nn.Module):
    """P_CBA [B, N] of each image in a batch of its own with the same mates (BTN, Eq. 7).

    With `mask_self` it listens to its mates alone, unless it has none: as in training.
    """

    def __init__(self, model: BTN, mates: Tensor) -> None:
        super().__init__()
        self.model = model
        with torch.no_grad():
            p_vit, self.keys = model.batch_embedding(mates)
            self.values = self._values(p_vit)
        self.hears_itself = len(mates) == 0 or not model.config.cba.mask_self

    def _values(self, p_vit: Tensor) -> Tensor:
        probs = self.model.config.cba.value == "probs"
        return p_vit.float().softmax(dim=-1) if probs else p_vit.float()

    def forward(self, images: Tensor) -> Tensor:
        p_vit, query = self.model.batch_embedding(images)  # [B, N], [B, N, D]
        if self.model.batch is None:
            raise ValueError("this BTN has no batch part")
        own = (query * query).sum(dim=2, keepdim=True)  # [B, N, 1]
        if not self.hears_itself:
            own = torch.full_like(own, -torch.inf)
        others = torch.einsum("bnd,mnd->bnm", query, self.keys)
        weights = (torch.cat([own, others], dim=2) * self.model.batch.cba.scale).softmax(dim=2)  # [B, N, 1 + M]
        mixed = weights[..., 0] * self._values(p_vit) + torch.einsum("bnm,mn->bn", weights[..., 1:], self.values)
        if self.model.config.cba.value == "probs":
            return (mixed / mixed.sum(dim=-1, keepdim=True)).clamp_min(1e-12).log()
        return mixed


def _score_cam(scored: nn.Module, model: BTN, layer: str, image: Tensor, target: int) -> NDArray[np.float32]:
    """The map of one layer for one image [1, 3, S, S]: float32 [S, S], 0..1."""
    library = _library()
    side = model.config.level_sides[2]
    cam = library.ScoreCAM(scored, [_module(model, layer)], reshape_transform=lambda maps: _as_maps(maps, side))
    cam.batch_size = _CHUNK
    try:
        with torch.no_grad(), _without_bars(library):
            return np.asarray(cam(image, [library.Target(target)])[0], np.float32)
    finally:
        cam.activations_and_grads.release()


def _module(model: BTN, layer: str) -> nn.Module:
    """The module whose output is the layer; WeightsError where this model has none."""
    level = int(layer[1]) - 1 if layer[0] in "FS" else 0
    part = {"F": model.tap_convs[level], "S": model.cross[level], "v": model.vit.norm}.get(layer[0])
    if layer == "mla":
        owner = model.batch if model.batch is not None and model.batch.mla is not None else model.ablation
        part = owner.mla if owner is not None else None
    if layer == "embed" and model.batch is not None:
        part = model.batch.cba.embed
    if part is None:
        raise WeightsError(f"{model.config.preset} as it was trained has no layer {layer}", fix="another --layer")
    return part


def _as_maps(output: Tensor, side: int) -> Tensor:
    """A layer's output as maps [B, C, H, W]; tokens [B, 1 + L side^2, W] lose the class token and are averaged over levels."""
    if output.ndim == 4:
        return output
    levels = output[:, 1:].unflatten(1, (-1, side, side))  # [B, L, side, side, W]
    return levels.mean(dim=1).permute(0, 3, 1, 2)


def _library() -> SimpleNamespace:
    try:
        from pytorch_grad_cam import ScoreCAM, score_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    except ImportError as error:
        raise RefusedError("pytorch-grad-cam is not installed", fix="pip install 'fercli[visualize]'") from error
    return SimpleNamespace(ScoreCAM=ScoreCAM, Target=ClassifierOutputTarget, module=score_cam)


@contextmanager
def _without_bars(library: SimpleNamespace) -> Iterator[None]:
    """Keep the library from drawing a bar of its own for every map."""
    theirs = library.module.tqdm
    library.module.tqdm = SimpleNamespace(tqdm=lambda items: items)
    try:
        yield
    finally:
        library.module.tqdm = theirs
