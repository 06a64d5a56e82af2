"""`fer audit`: rank the labels of a data set by how doubtful they are to a network trained on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.data.crops import load_crop
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.open import open_dataset, open_second
from fercli.errors import DataError, UsageError
from fercli.explain.audit_files import RankedImage, write_audit_csv, write_sheets
from fercli.explain.batch_attention import Similarity, predict_from_others
from fercli.explain.images import sampling_generator
from fercli.explain.label_noise import (
    average_precision,
    cross_entropy,
    kl_divergence,
    mean_signal,
    most_doubtful,
    precision_at,
    suggest_labels,
)
from fercli.explain.trained_labels import classes_before_noise, with_trained_labels
from fercli.explain.truth import true_classes
from fercli.formatting import pluralize
from fercli.progress import Progress, silent
from fercli.system.chunks import chunked
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.system.json_file import write_json
from fercli.weights.network import Network, load_network
from fercli.weights.preprocess import softmax

AUDIT_NAME = "audit.json"
SIGNALS = ("loss", "disagreement", "batch", "batch_labels", "votes")
RANKED_BY = ("loss", "votes")  # the batch lowered the precision where it was measured (docs/audit.md)
_CHUNK = 256  # images in memory together
_DEPTHS = (100, 500, 1000, 2000)

# Letters: B images, N classes, D positions of one embedded channel.


@dataclass(frozen=True)
class AuditOptions:
    """How to rank and what to write.

    by: names of SIGNALS whose mean the images are ranked by. rounds, batch_size: random batches in which the other images
    predict each image's label. show: images on the contact sheets. accept: rows whose suggestion becomes the new label.
    """

    split: Split = "train"
    by: Sequence[str] = RANKED_BY
    rounds: int = 8
    batch_size: int = 256
    show: int = 200
    accept: int = 0
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        unknown = [name for name in self.by if name not in SIGNALS]
        if unknown:
            raise UsageError(f"unknown signal {', '.join(unknown)}", fix=f"signals: {', '.join(SIGNALS)}")


@dataclass(frozen=True)
class RankingScore:
    """How well a ranking finds wrong labels: precision at some depths, and average precision; shares 0..1."""

    ranking: str
    precision: dict[int, float]
    average_precision: float


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit. signals: all that were available; ranked_by: those that the images were ranked by.

    rankings: only with a truth; checked: images that have one; wrong: share of these whose label differs from it.
    """

    network: str
    data: str
    images: int
    signals: tuple[str, ...]
    ranked_by: tuple[str, ...]
    remarks: tuple[str, ...]
    folder: Path
    rankings: tuple[RankingScore, ...]
    checked: int
    wrong: float | None


@dataclass(frozen=True)
class _Signals:
    """values: by name, [B] in nats. predictions: probabilities [B, N] from which new labels are suggested."""

    values: dict[str, NDArray[np.float64]]
    predictions: list[NDArray[np.float32]]


def audit(
    weights: str,
    data: str,
    out: Path,
    options: AuditOptions = AuditOptions(),
    *,
    folder: Path | None = None,
    truth: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> AuditResult:
    """Rank the labelled images of a split by how doubtful their label is; write audit.csv, sheets and audit.json into `out`.

    Signals are -log of the label's probability: `loss` from P_VIT; `batch` from the other images of random batches, mixed
    by class batch attention; `batch_labels` from their labels, mixed in the same way; `votes` from the annotators' votes.
    `disagreement` is the KL divergence of P_VIT from the prediction of the other images, whatever the label.
    truth: a data set with the same images and better labels, to evaluate the ranking; votes are then not used. For a run that was
    trained on this data with label noise, the noisy labels are ranked, and the labels before the noise are the truth.
    Raises: UsageError for unavailable signals, DataError if nothing can be ranked or compared, RefusedError if `out` exists.
    """
    refuse_existing_folder(out, overwrite=overwrite, mark=AUDIT_NAME)
    dataset = with_trained_labels(open_dataset(data, folder), weights)
    network = load_network(weights, device=options.device)
    names = network.card.labels
    samples = _known_samples(dataset, options.split, names)
    labels = np.array([names.index(dataset.labels[sample.label or 0]) for sample in samples])
    image_names = [sample.called(dataset.root) for sample in samples]
    better: list[str | None] | None = None
    if truth is not None:
        better = true_classes(image_names, open_second(truth, "--truth"), options.split, data=dataset.name)
    elif before := classes_before_noise(dataset, options.split):
        better = [before.get(name, names[label]) for name, label in zip(image_names, labels, strict=True)]
    signals = _signals(network, dataset, samples, labels, options, progress=progress, with_votes=better is None)
    ranked_by = tuple(name for name in options.by if name in signals.values)
    if not ranked_by:
        raise UsageError(
            f"neither network nor data have {' or '.join(options.by)}", fix=f"--by {' --by '.join(signals.values)}"
        )
    score = mean_signal({name: signals.values[name] for name in ranked_by})
    suggested = suggest_labels(signals.predictions, labels)
    ranked = [
        RankedImage(
            rank=rank,
            name=image_names[index],
            sample=samples[index],
            label=names[labels[index]],
            suggested=names[suggested[index]],
            score=float(score[index]),
            signals={name: _finite(values[index]) for name, values in signals.values.items()},
            truth=None if better is None else better[index],
        )
        for rank, index in enumerate(most_doubtful(score).tolist(), start=1)
    ]
    rankings, checked, wrong = _evaluate(signals.values, score, [names[label] for label in labels], better)
    result = AuditResult(
        network=f"{network.card.name}: {network.source}, {network.description}",
        data=f"{dataset.name} {options.split}",
        images=len(samples),
        signals=tuple(signals.values),
        ranked_by=ranked_by,
        remarks=_remarks(network, dataset, samples, signals.values),
        folder=out,
        rankings=rankings,
        checked=checked,
        wrong=wrong,
    )
    with replacing_folder(out) as temporary:
        write_audit_csv(temporary / "audit.csv", ranked, accept=options.accept)
        title = f"{dataset.name} {options.split}: most doubtful labels"
        write_sheets(temporary, ranked[: options.show], title=title)
        write_json(temporary / AUDIT_NAME, asdict(result), default=str)
    return result


def _known_samples(dataset: Dataset, split: Split, labels: Sequence[str]) -> tuple[Sample, ...]:
    known = tuple(s for s in dataset.split(split) if s.label is not None and dataset.labels[s.label] in labels)
    if len(known) < 2:
        raise DataError(
            f"{dataset.name} has no {split} images of classes that the network knows ({', '.join(labels)})",
            fix="the data set that the network was trained on",
        )
    return known


def _signals(
    network: Network,
    dataset: Dataset,
    samples: Sequence[Sample],
    labels: NDArray[np.int64],
    options: AuditOptions,
    *,
    progress: Progress,
    with_votes: bool,
) -> _Signals:
    """Compute every signal that the network and the data set provide."""
    p_vit, embedding = _forward(network, samples, progress)
    probabilities = softmax(p_vit)
    values = {"loss": cross_entropy(probabilities, labels)}
    predictions = [probabilities]
    if embedding is not None:
        random = sampling_generator(options.seed, samples)
        from_others, label_shares = _predictions_of_others(network, embedding, p_vit, labels, options, random=random)
        values["disagreement"] = kl_divergence(probabilities, from_others)
        values["batch"] = cross_entropy(from_others, labels)
        values["batch_labels"] = cross_entropy(label_shares, labels)
        predictions += [from_others, label_shares]
    votes = _votes(dataset, samples, network.card.labels) if with_votes else None
    if votes is not None:
        values["votes"] = cross_entropy(np.nan_to_num(votes, nan=1.0), labels)
        values["votes"][np.isnan(votes).any(axis=1)] = np.nan
        predictions.append(np.where(np.isnan(votes), probabilities, votes).astype(np.float32))
    return _Signals(values, predictions)


def _forward(
    network: Network, samples: Sequence[Sample], progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Compute P_VIT [B, N] of every image, and its embedding [B, N, D] if the network has the batch part."""
    size = network.card.model.input.size
    logits, embeddings = [], []
    done = 0
    for chunk in chunked(samples, _CHUNK):
        progress(done, len(samples), "reading")
        images = network.images(np.stack([load_crop(sample, size) for sample in chunk]))
        if network.has_batch_part:
            p_vit, embedding = network.batch_embedding(images)
            embeddings.append(embedding)
        else:
            p_vit = network.logits(images)
        logits.append(p_vit)
        done += len(chunk)
    progress(len(samples), len(samples), "ranking")
    return np.concatenate(logits), np.concatenate(embeddings) if embeddings else None


def _predictions_of_others(
    network: Network,
    embedding: NDArray[np.float32],
    p_vit: NDArray[np.float32],
    labels: NDArray[np.int64],
    options: AuditOptions,
    *,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Average over random batches the probabilities and label shares [B, N] from the other images of the batch."""
    similarity = Similarity.of(network)
    probabilities, label_shares = np.zeros_like(p_vit), np.zeros_like(p_vit)
    for _ in range(options.rounds):
        # parts of equal size, so that no image is left in a batch of its own
        parts = max(1, round(len(labels) / options.batch_size))
        for batch in np.array_split(random.permutation(len(labels)), parts):
            others = predict_from_others(embedding[batch], p_vit[batch], labels[batch], similarity)
            probabilities[batch] += others.probabilities / options.rounds
            label_shares[batch] += others.label_shares / options.rounds
    return probabilities, label_shares


def _votes(dataset: Dataset, samples: Sequence[Sample], labels: Sequence[str]) -> NDArray[np.float64] | None:
    """Return shares of the votes [B, N] in the network's class order, nan for an image without; None if none has any."""
    table = np.full((len(samples), len(labels)), np.nan)
    columns = [dataset.labels.index(label) if label in dataset.labels else None for label in labels]
    for row, sample in zip(table, samples, strict=True):
        if sample.votes is not None and sum(sample.votes) > 0:
            row[:] = [0.0 if column is None else sample.votes[column] / sum(sample.votes) for column in columns]
    return None if np.isnan(table).all() else table


def _evaluate(
    signals: Mapping[str, NDArray[np.float64]],
    score: NDArray[np.float64],
    labels: Sequence[str],
    better: Sequence[str | None] | None,
) -> tuple[tuple[RankingScore, ...], int, float | None]:
    """Score the ranking and each signal alone; also return how many images have a truth, and the share of wrong labels."""
    if better is None:
        return (), 0, None
    known = np.array([name is not None for name in better])
    wrong = np.array([name is not None and name != label for name, label in zip(better, labels, strict=True)])
    same = any(np.array_equal(score, values) for values in signals.values())
    rankings = dict(signals) if same else {"score": score, **signals}
    scores = []
    for name, values in rankings.items():
        order = [index for index in most_doubtful(values).tolist() if known[index]]
        precision = {depth: precision_at(order, wrong, depth) for depth in _DEPTHS if depth <= len(order)}
        scores.append(RankingScore(name, precision, average_precision(order, wrong)))
    return tuple(scores), int(known.sum()), float(wrong[known].mean())


def _remarks(
    network: Network, dataset: Dataset, samples: Sequence[Sample], signals: Mapping[str, object]
) -> tuple[str, ...]:
    remarks = []
    if "batch" not in signals:
        remarks.append(
            f"{network.source} has no batch part, so there is no signal from the other images of a batch: "
            "use the folder of a run trained with BT or CBA"
        )
    trained = network.card.data.get("fingerprint")
    if trained is not None and dataset.fingerprint is not None and trained != dataset.fingerprint:
        remarks.append("the network was trained on other images or labels, so its loss may not show doubtful labels")
    unknown = len(dataset.split(samples[0].split)) - len(samples)
    if unknown:
        remarks.append(f"{pluralize(unknown, 'image')} not ranked: the network does not know their classes")
    return tuple(remarks)


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
