"""The batch-attention explorer: which other images of its batch an image attends to, class by class.

Writes attention.html (images and labels), attention.csv (every image and class) and attention.npz (the whole matrix).
An image's own key is often so close to its query that the other images get very little attention: their shares are also
given relative to what all of them get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.data.open import open_dataset
from fercli.errors import UsageError
from fercli.explain.attention_page import AttendedImage, ClassAttention, attention_page
from fercli.explain.batch_attention import Similarity, attention_weights, effective_number
from fercli.explain.images import LabelledImage, load_crops
from fercli.explain.truth import true_classes
from fercli.formatting import percent, pluralize
from fercli.progress import Progress
from fercli.system.csv_file import write_csv
from fercli.train.attention_terms import collapse_warning
from fercli.weights.network import Network, require_batch_part
from fercli.weights.preprocess import softmax

_NEGLIGIBLE = 0.01  # other images that get less of the attention than this hardly change P_CBA

# Letters: B images in the batch, N classes.


@dataclass(frozen=True)
class _Batch:
    """One batch. weights, weights_of_others: attention [N, B, B], with and without the image itself; p_vit: logits [B, N]."""

    images: Sequence[LabelledImage]
    labels: Sequence[str]
    weights: NDArray[np.float64]
    weights_of_others: NDArray[np.float64]
    p_vit: NDArray[np.float32]

    @property
    def attention_to_others(self) -> NDArray[np.float64]:
        """The share of its attention that each image (column) gives to other images, by class (row): [N, B].

        Summed over the other images: 1 - own would lose precision where own is nearly 1.
        """
        others = 1 - np.eye(len(self.images))
        return np.asarray((self.weights * others).sum(axis=2))


@dataclass(frozen=True)
class BatchAttention:
    """top: other images shown per class. The first image of the figure is explained, the others are its batch.

    truth: a data set with the same images and better labels, to measure the attention to images with a wrong label.
    """

    top: int = 12
    truth: str | None = None

    name = "attention"
    networks = (1, 1)
    balanced = False
    default_count = 64

    def check(self, networks: Sequence[Network]) -> None:
        """Raise WeightsError if the network has no batch part."""
        for network in networks:
            require_batch_part(network, "the batch-attention explorer")

    def draw(
        self,
        networks: Sequence[Network],
        images: Sequence[LabelledImage],
        names: Sequence[str],
        folder: Path,
        progress: Progress,
    ) -> tuple[str, ...]:
        """Write the page, the csv and the arrays; return remarks for the reader."""
        if len(images) < 2:
            raise UsageError("a batch of one image has no other images", fix="--count 64")
        network = networks[0]
        progress(0, 1, images[0].name)
        inputs = network.images(load_crops(images, network.card.model.input.size))
        p_vit, embedding = network.batch_embedding(inputs)
        labels, masked = network.card.labels, network.card.model.cba.mask_self
        similarity = Similarity.of(network)
        weights_of_others = attention_weights(embedding, similarity, exclude_self=True)
        weights = weights_of_others if masked else attention_weights(embedding, similarity)
        batch = _Batch(images, labels, weights, weights_of_others, p_vit)
        values = _values(network, p_vit)
        p_cba = np.einsum("nij,jn->in", weights, values)
        np.savez_compressed(
            folder / "attention.npz",
            attention=weights,
            attention_of_others=weights_of_others,
            p_vit=p_vit,
            p_cba=p_cba,
            classes=np.array(labels),
            images=np.array([image.name for image in images]),
            labels=np.array([image.label for image in images]),
        )
        write_csv(folder / "attention.csv", [row for n in range(len(labels)) for row in _rows(n, batch)])
        remarks = _remarks(batch, p_cba, values)
        if (remark := _remark_on_wrong_labels(batch, self.truth)) is not None:
            remarks = (*remarks[:3], remark, *remarks[3:])
        page = attention_page(
            images[0],
            [self._class(n, batch) for n in range(len(labels))],
            p_vit=dict(zip(labels, softmax(p_vit[:1])[0].tolist(), strict=True)),
            p_cba=dict(zip(labels, _as_probabilities(network, p_cba[:1])[0].tolist(), strict=True)),
            network=f"{names[0]}, {network.description}",
            batch_size=len(images),
            remarks=remarks,
        )
        (folder / "attention.html").write_text(page, encoding="utf-8", errors="replace")
        progress(1, 1, "")
        return remarks

    def _class(self, n: int, batch: _Batch) -> ClassAttention:
        images, row, weights_of_others = batch.images, batch.weights[n, 0], batch.weights_of_others[n, 0]  # [B] each
        order = [index for index in np.argsort(-weights_of_others, kind="stable").tolist() if index != 0][: self.top]
        same_label = np.array([image.label == images[0].label for image in images[1:]])
        return ClassAttention(
            name=batch.labels[n],
            own=float(row[0]),
            to_others=float(batch.attention_to_others[n, 0]),
            effective=effective_number(weights_of_others),
            same_label=float(weights_of_others[1:][same_label].sum()),
            same_label_by_chance=float(same_label.mean()),
            images=tuple(
                AttendedImage(images[j], float(weights_of_others[j]), float(row[j]), float(batch.p_vit[j, n]))
                for j in order
            ),
        )


def _rows(n: int, batch: _Batch) -> list[dict[str, object]]:
    row, weights_of_others = batch.weights[n, 0], batch.weights_of_others[n, 0]  # [B] each
    return [
        {
            "class": batch.labels[n],
            "rank": rank,
            "image": batch.images[j].name,
            "label": batch.images[j].label,
            "true_label": batch.images[j].true_label,
            "attention": f"{row[j]:.8g}",
            "attention_of_others": None if j == 0 else f"{weights_of_others[j]:.8g}",
            "p_vit_logit": f"{batch.p_vit[j, n]:.4f}",
            "is_itself": int(j == 0),
        }
        for rank, j in enumerate(np.lexsort((-weights_of_others, -row)).tolist(), start=1)
    ]


def _remarks(batch: _Batch, p_cba: NDArray[np.float64], values: NDArray[np.float32]) -> tuple[str, ...]:
    """Describe how much attention the other images get in this batch, and what that changes."""
    to_others = batch.attention_to_others  # [N, B]
    difference = float(np.median(np.abs(p_cba - values)))
    changed = int((p_cba.argmax(axis=1) != values.argmax(axis=1)).sum())
    labels = np.array([image.label for image in batch.images])
    same_label = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)  # [B, B]
    to_same_label = float((batch.weights_of_others * same_label).sum(axis=2).mean())
    by_chance = float(same_label.sum() / len(labels) / (len(labels) - 1))
    effective = float(np.mean([effective_number(row) for row in batch.weights.reshape(-1, len(labels))]))
    remarks = [
        "Attention depends on the batch: other images (--seed) give other weights. P_VIT does not depend on it.",
        f"Median over the batch's images and classes: other images get {np.median(to_others):.1e} of the attention, and P_CBA "
        f"differs from P_VIT by {difference:.1e}. Other images get more than {percent(_NEGLIGIBLE)} in "
        f"{percent(float((to_others > _NEGLIGIBLE).mean()))} of the cases. "
        f"The effective number of images that one attends to is {effective:.1f} on average. "
        f"P_CBA predicts another class than P_VIT for {changed} of {pluralize(len(batch.images), 'image')}.",
        f"Of the attention to other images, {percent(to_same_label)} goes to those with the same label, on average over images "
        f"and classes; {percent(by_chance)} is expected by chance.",
    ]
    warning = collapse_warning(1 - float(to_others.mean()), effective / len(labels))
    if warning is not None:
        remarks.append(f"{warning[0].upper()}{warning[1:]}.")
    return tuple(remarks)


def _remark_on_wrong_labels(batch: _Batch, truth: str | None) -> str | None:
    """Describe how much of the attention to other images goes to those whose label is wrong; None if that is not known.

    It is wrong by a better data set or, without one, by the class before the run's label noise.
    """
    if truth is not None:
        split, source = batch.images[0].sample.split, truth
        better = true_classes([image.name for image in batch.images], open_dataset(truth), split, data="the figure")
    else:
        better, source = [image.true_label for image in batch.images], "the data set, without the run's label noise"
        if not any(better):
            return None
    wrong = np.array(
        [name is not None and name != image.label for name, image in zip(better, batch.images, strict=True)]
    )
    to_wrong = float((batch.weights_of_others * wrong).sum(axis=2).mean())
    by_chance = float(wrong.mean())  # each image is another one for all but itself
    return (
        f"{pluralize(int(wrong.sum()), 'image')} of the batch {'has' if wrong.sum() == 1 else 'have'} another label in {source}. "
        f"They get {percent(to_wrong)} of the attention to other images; {percent(by_chance)} is expected by chance."
    )


def _values(network: Network, p_vit: NDArray[np.float32]) -> NDArray[np.float32]:
    return softmax(p_vit) if network.card.model.cba.value == "probs" else p_vit


def _as_probabilities(network: Network, mixed: NDArray[np.float64]) -> NDArray[np.float32]:
    if network.card.model.cba.value == "probs":
        return np.asarray(mixed / mixed.sum(axis=1, keepdims=True), np.float32)
    return softmax(np.asarray(mixed, np.float32))
