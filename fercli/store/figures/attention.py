"""The batch-attention explorer: for one image, which others in its batch lent it attention, class by class.

Writes attention.html (faces and labels), attention.csv (every mate and class) and attention.npz (the whole matrix).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.core.batch_opinion import attention, effective_number
from fercli.core.preprocess import softmax
from fercli.errors import UsageError
from fercli.progress import Progress
from fercli.store.figures.attention_page import ClassAttention, Mate, attention_page
from fercli.store.figures.faces import Face, crops_of
from fercli.store.networks import Network, need_batch_part
from fercli.store.study_table import write_csv


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
        masked = network.card.model.cba.mask_self
        weights = attention(embedding, scale=_scale(network), mates_only=masked)  # [N, B, B]
        p_cba = np.einsum("nij,jn->in", weights, _values(network, p_vit))
        labels = network.card.labels
        np.savez_compressed(
            place / "attention.npz",
            attention=weights,
            p_vit=p_vit,
            p_cba=p_cba,
            classes=np.array(labels),
            images=np.array([face.name for face in faces]),
            labels=np.array([face.label for face in faces]),
        )
        write_csv(
            place / "attention.csv",
            [row for n in range(len(labels)) for row in _rows(n, labels, faces, weights, p_vit)],
        )
        classes = [self._class(n, labels, faces, weights, p_vit) for n in range(len(labels))]
        page = attention_page(
            faces[0],
            classes,
            p_vit=dict(zip(labels, softmax(p_vit[:1])[0].tolist(), strict=True)),
            p_cba=dict(zip(labels, _as_probabilities(network, p_cba[:1])[0].tolist(), strict=True)),
            network=f"{names[0]}, {network.state}",
            batch=len(faces),
        )
        (place / "attention.html").write_text(page, encoding="utf-8")
        progress(1, 1, "")
        return (
            "Attention depends on the batch: other mates (--seed) give another picture. P_VIT does not depend on it.",
        )

    def _class(
        self,
        n: int,
        labels: Sequence[str],
        faces: Sequence[Face],
        weights: NDArray[np.float32],
        p_vit: NDArray[np.float32],
    ) -> ClassAttention:
        row = weights[n, 0]  # [B]
        order = [place for place in np.argsort(-row, kind="stable").tolist() if place != 0][: self.top]
        others = 1 - float(row[0])
        same = float(sum(row[j] for j in range(1, len(faces)) if faces[j].label == faces[0].label))
        return ClassAttention(
            name=labels[n],
            own=float(row[0]),
            effective=effective_number(row),
            same_label=same / others if others > 0 else 0.0,
            same_label_by_chance=sum(face.label == faces[0].label for face in faces[1:]) / (len(faces) - 1),
            mates=tuple(Mate(faces[j], float(row[j]), float(p_vit[j, n])) for j in order),
        )


def _rows(
    n: int, labels: Sequence[str], faces: Sequence[Face], weights: NDArray[np.float32], p_vit: NDArray[np.float32]
) -> list[dict[str, object]]:
    order = np.argsort(-weights[n, 0], kind="stable").tolist()
    return [
        {
            "class": labels[n],
            "rank": rank,
            "image": faces[j].name,
            "label": faces[j].label,
            "attention": f"{weights[n, 0, j]:.6f}",
            "p_vit_logit": f"{p_vit[j, n]:.4f}",
            "is_itself": int(j == 0),
        }
        for rank, j in enumerate(order, start=1)
    ]


def _scale(network: Network) -> float:
    if network.model.batch is None:
        raise ValueError("this BTN has no batch part")
    return network.model.batch.cba.scale


def _values(network: Network, p_vit: NDArray[np.float32]) -> NDArray[np.float32]:
    return softmax(p_vit) if network.card.model.cba.value == "probs" else p_vit


def _as_probabilities(network: Network, mixed: NDArray[np.float32]) -> NDArray[np.float32]:
    if network.card.model.cba.value == "probs":
        return np.asarray(mixed / mixed.sum(axis=1, keepdims=True), np.float32)
    return softmax(mixed)
