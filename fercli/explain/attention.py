"""The batch-attention explorer: for one image, which others in its batch lent it attention, class by class.

Writes attention.html (faces and labels), attention.csv (every mate and class) and attention.npz (the whole matrix).
An image's own key is often so near its query that mates get next to nothing: their shares are told among themselves as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError
from fercli.explain.attention_page import ClassAttention, Mate, attention_page
from fercli.explain.batch_opinion import attention, effective_number
from fercli.explain.faces import Face, crops_of
from fercli.progress import Progress
from fercli.system.csv_file import write_csv
from fercli.weights.network import Network, need_batch_part
from fercli.weights.preprocess import softmax

_LITTLE = 0.01  # mates that get less of the attention than this change next to nothing

# Letters: B images in the batch, N classes.


@dataclass(frozen=True)
class _Batch:
    """What is told of a batch. weights, among: attention [N, B, B], whole and to mates alone; p_vit: logits [B, N]."""

    faces: Sequence[Face]
    labels: Sequence[str]
    weights: NDArray[np.float64]
    among: NDArray[np.float64]
    p_vit: NDArray[np.float32]

    @property
    def mates_get(self) -> NDArray[np.float64]:
        """The part of its attention that each image (column) gives to mates, by class (row): [N, B].

        Summed over the mates: 1 - own, where own is nearly 1, would be rounding.
        """
        others = 1 - np.eye(len(self.faces))
        return np.asarray((self.weights * others).sum(axis=2))


@dataclass(frozen=True)
class BatchAttention:
    """top: mates shown per class. The figure's first image is the one looked at, the others are its batch."""

    top: int = 12

    name = "attention"
    networks = (1, 1)
    even = False
    default_count = 64

    def check(self, networks: Sequence[Network]) -> None:
        """WeightsError where the network has no batch part."""
        for network in networks:
            need_batch_part(network, "the batch-attention explorer")

    def draw(
        self, networks: Sequence[Network], faces: Sequence[Face], names: Sequence[str], place: Path, progress: Progress
    ) -> tuple[str, ...]:
        """Write the page, the csv and the arrays; returns remarks for the reader."""
        if len(faces) < 2:
            raise UsageError("an image alone has no batch mates", fix="--count 64")
        network = networks[0]
        progress(0, 1, faces[0].name)
        images = network.images(crops_of(faces, network.card.model.input.size))
        p_vit, embedding = network.batch_embedding(images)
        labels, masked = network.card.labels, network.card.model.cba.mask_self
        among = attention(embedding, scale=_scale(network), mates_only=True)
        weights = among if masked else attention(embedding, scale=_scale(network))
        batch = _Batch(faces, labels, weights, among, p_vit)
        values = _values(network, p_vit)
        p_cba = np.einsum("nij,jn->in", weights, values)
        np.savez_compressed(
            place / "attention.npz",
            attention=weights,
            among_mates=among,
            p_vit=p_vit,
            p_cba=p_cba,
            classes=np.array(labels),
            images=np.array([face.name for face in faces]),
            labels=np.array([face.label for face in faces]),
        )
        write_csv(place / "attention.csv", [row for n in range(len(labels)) for row in _rows(n, batch)])
        remarks = _remarks(batch, p_cba, values)
        page = attention_page(
            faces[0],
            [self._class(n, batch) for n in range(len(labels))],
            p_vit=dict(zip(labels, softmax(p_vit[:1])[0].tolist(), strict=True)),
            p_cba=dict(zip(labels, _as_probabilities(network, p_cba[:1])[0].tolist(), strict=True)),
            network=f"{names[0]}, {network.state}",
            batch=len(faces),
            remarks=remarks,
        )
        (place / "attention.html").write_text(page, encoding="utf-8", errors="replace")
        progress(1, 1, "")
        return remarks

    def _class(self, n: int, batch: _Batch) -> ClassAttention:
        faces, row, among = batch.faces, batch.weights[n, 0], batch.among[n, 0]  # [B] each
        order = [place for place in np.argsort(-among, kind="stable").tolist() if place != 0][: self.top]
        alike = np.array([face.label == faces[0].label for face in faces[1:]])
        return ClassAttention(
            name=batch.labels[n],
            own=float(row[0]),
            mates_get=float(batch.mates_get[n, 0]),
            effective=effective_number(among),
            same_label=float(among[1:][alike].sum()),
            same_label_by_chance=float(alike.mean()),
            mates=tuple(Mate(faces[j], float(among[j]), float(row[j]), float(batch.p_vit[j, n])) for j in order),
        )


def _rows(n: int, batch: _Batch) -> list[dict[str, object]]:
    row, among = batch.weights[n, 0], batch.among[n, 0]  # [B] each
    return [
        {
            "class": batch.labels[n],
            "rank": rank,
            "image": batch.faces[j].name,
            "label": batch.faces[j].label,
            "attention": f"{row[j]:.8g}",
            "among_mates": None if j == 0 else f"{among[j]:.8g}",
            "p_vit_logit": f"{batch.p_vit[j, n]:.4f}",
            "is_itself": int(j == 0),
        }
        for rank, j in enumerate(np.lexsort((-among, -row)).tolist(), start=1)
    ]


def _remarks(batch: _Batch, p_cba: NDArray[np.float64], values: NDArray[np.float32]) -> tuple[str, ...]:
    """What a reader must know: that it depends on the batch, how much mates get in it, and what that changes."""
    lent = batch.mates_get  # [N, B]
    moved = float(np.median(np.abs(p_cba - values)))
    others = int((p_cba.argmax(axis=1) != values.argmax(axis=1)).sum())
    labels = np.array([face.label for face in batch.faces])
    alike = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)  # [B, B]
    told = [
        "Attention depends on the batch: other mates (--seed) give another picture. P_VIT does not depend on it.",
        f"In the median over the batch's images and classes, mates get {np.median(lent):.1e} of the attention and P_CBA is "
        f"{moved:.1e} from P_VIT; mates get more than {_LITTLE:.0%} in {(lent > _LITTLE).mean():.0%} of these. "
        f"P_CBA names another class than P_VIT for {others} of {len(batch.faces)} images.",
        f"Of what mates get, {(batch.among * alike).sum(axis=2).mean():.0%} goes to those with the image's label, "
        f"in the mean over images and classes; by chance {alike.sum() / len(labels) / (len(labels) - 1):.0%}.",
    ]
    if np.median(lent) < _LITTLE:
        told.append(
            "Most of the attention has collapsed onto the image itself: there P_CBA is P_VIT, and mates add nothing. "
            "fer train --set cba.mask_self=true makes images listen to the others."
        )
    return tuple(told)


def _scale(network: Network) -> float:
    if network.model.batch is None:
        raise ValueError("this BTN has no batch part")
    return network.model.batch.cba.scale


def _values(network: Network, p_vit: NDArray[np.float32]) -> NDArray[np.float32]:
    return softmax(p_vit) if network.card.model.cba.value == "probs" else p_vit


def _as_probabilities(network: Network, mixed: NDArray[np.float64]) -> NDArray[np.float32]:
    if network.card.model.cba.value == "probs":
        return np.asarray(mixed / mixed.sum(axis=1, keepdims=True), np.float32)
    return softmax(np.asarray(mixed, np.float32))
