"""`fer audit`: a network and the images it was trained on in, their labels by how doubtful they are out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fercli.data.crops import load_crop
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.open import open_dataset
from fercli.errors import DataError, UsageError
from fercli.explain.audit_files import Finding, write_audit_csv, write_sheets
from fercli.explain.batch_opinion import mates_opinion
from fercli.explain.label_noise import (
    average_precision,
    combined,
    divergence,
    most_doubtful,
    precision_at,
    suggested,
    surprise,
)
from fercli.progress import Progress, silent
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.weights.network import Network, load_network
from fercli.weights.preprocess import softmax

FACTS_NAME = "audit.json"
SIGNS = ("loss", "disagreement", "mates", "mate_labels", "votes")
RANKED_BY = ("loss", "votes")  # mates lowered the precision where it was measured (docs/audit.md)
_CHUNK = 256  # images read at once
_DEPTHS = (100, 500, 1000, 2000)

# Letters: B images, N classes, D positions of one embedded channel.


@dataclass(frozen=True)
class Ranked:
    """How well a ranking finds wrong labels: precision at some depths, and average precision; shares 0..1."""

    ranking: str
    precision: dict[int, float]
    average_precision: float


@dataclass(frozen=True)
class AuditResult:
    """What an audit found. signs: all that were there; ranked_by: those of them that the score is made of.

    scored: by ranking, only with a truth; checked: images that have one; wrong: share of them whose label is not it.
    """

    network: str
    data: str
    images: int
    signs: tuple[str, ...]
    ranked_by: tuple[str, ...]
    remarks: tuple[str, ...]
    folder: Path
    scored: tuple[Ranked, ...]
    checked: int
    wrong: float | None


def audit(
    weights: str,
    data: str,
    out: Path,
    *,
    folder: Path | None = None,
    split: Split = "train",
    truth: str | None = None,
    by: Sequence[str] = RANKED_BY,
    rounds: int = 8,
    batch: int = 256,
    show: int = 200,
    accept: int = 0,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> AuditResult:
    """Rank the labelled images of a split by how doubtful their label is; write audit.csv, sheets and audit.json into `out`.

    Signs, each -log of the probability that the label gets: `loss` from P_VIT alone; `mates` from the image's mates in
    `rounds` random batches of `batch`, itself left out, mixed by class batch attention; `mate_labels` from the mates' labels,
    mixed alike; `votes` from the annotators' votes. And, whatever the label, `disagreement`: the divergence of P_VIT from what
    the mates answer. The score is the mean of those in `by` that the network or the data set has.
    truth: a data set with the same images and better labels, to score the ranking against; votes are then left out.
    Errors: UsageError for an unknown sign or none that is there, DataError where nothing can be ranked or compared, RefusedError
    where `out` exists.
    """
    unknown = [name for name in by if name not in SIGNS]
    if unknown:
        raise UsageError(f"no sign {', '.join(unknown)}", fix=f"signs: {', '.join(SIGNS)}")
    refuse_existing_folder(out, overwrite=overwrite, mark=FACTS_NAME)
    dataset = open_dataset(data, folder)
    network = load_network(weights, device=device)
    samples = _samples(dataset, split, network.card.labels)
    labels = np.array([network.card.labels.index(dataset.labels[sample.label or 0]) for sample in samples])
    better = None if truth is None else _truth(dataset, samples, open_dataset(truth), split)
    p_vit, embedding = _look(network, samples, progress)
    probabilities = softmax(p_vit)
    signs = {"loss": surprise(probabilities, labels)}
    opinions = [probabilities]
    if embedding is not None:
        answers, shares = _opinions(network, embedding, p_vit, labels, rounds=rounds, batch=batch, seed=seed)
        signs["disagreement"] = divergence(probabilities, answers)
        signs |= {"mates": surprise(answers, labels), "mate_labels": surprise(shares, labels)}
        opinions += [answers, shares]
    votes = _votes(dataset, samples, network.card.labels) if better is None else None
    if votes is not None:
        signs["votes"] = surprise(np.nan_to_num(votes, nan=1.0), labels)
        signs["votes"][np.isnan(votes).any(axis=1)] = np.nan
        opinions.append(np.where(np.isnan(votes), probabilities, votes).astype(np.float32))
    ranked_by = tuple(name for name in by if name in signs)
    if not ranked_by:
        raise UsageError(f"neither network nor data have {' or '.join(by)}", fix=f"--by {' --by '.join(signs)}")
    score = combined({name: signs[name] for name in ranked_by})
    order = most_doubtful(score)
    others = suggested(opinions, labels)
    findings = [
        Finding(
            rank=rank,
            name=samples[place].called(dataset.root),
            sample=samples[place],
            label=network.card.labels[labels[place]],
            suggested=network.card.labels[others[place]],
            score=float(score[place]),
            signs={name: _number(values[place]) for name, values in signs.items()},
            truth=None if better is None else better[place],
        )
        for rank, place in enumerate(order.tolist(), start=1)
    ]
    scored, checked, wrong = _scored(signs, score, [network.card.labels[label] for label in labels], better)
    result = AuditResult(
        network=f"{network.card.name}: {network.source}, {network.state}",
        data=f"{dataset.name} {split}",
        images=len(samples),
        signs=tuple(signs),
        ranked_by=ranked_by,
        remarks=_remarks(network, dataset, samples, signs),
        folder=out,
        scored=scored,
        checked=checked,
        wrong=wrong,
    )
    with replacing_folder(out) as place:
        write_audit_csv(place / "audit.csv", findings, accept=accept)
        write_sheets(place, findings[:show], title=f"{dataset.name} {split}: most doubtful labels")
        text = json.dumps(asdict(result), indent=2, default=str, ensure_ascii=False)
        (place / FACTS_NAME).write_text(text + "\n", encoding="utf-8")
    return result


def _samples(dataset: Dataset, split: Split, labels: Sequence[str]) -> tuple[Sample, ...]:
    known = tuple(s for s in dataset.split(split) if s.label is not None and dataset.labels[s.label] in labels)
    if len(known) < 2:
        raise DataError(
            f"{dataset.name} has no {split} images of classes that the network knows ({', '.join(labels)})",
            fix="the data set that the network was trained on",
        )
    return known


def _truth(dataset: Dataset, samples: Sequence[Sample], better: Dataset, split: Split) -> list[str | None]:
    """The class of each image in the better data set, found by its file name; None where that has no label for it."""
    known = {
        PurePosixPath(sample.called(better.root)).name: better.labels[sample.label]
        for sample in better.split(split)
        if sample.label is not None
    }
    found = [known.get(PurePosixPath(sample.called(dataset.root)).name) for sample in samples]
    if not any(found):
        raise DataError(
            f"{better.name} has none of the {split} images of {dataset.name} by file name",
            fix="two data sets made from the same files",
        )
    return found


def _look(
    network: Network, samples: Sequence[Sample], progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """P_VIT [B, N] of every image, and its embedding [B, N, D] where the network has the batch part."""
    size = network.card.model.input.size
    logits, embeddings = [], []
    for start in range(0, len(samples), _CHUNK):
        progress(start, len(samples), "reading")
        images = network.images(np.stack([load_crop(sample, size) for sample in samples[start : start + _CHUNK]]))
        if network.has_batch_part:
            p_vit, embedding = network.batch_embedding(images)
            embeddings.append(embedding)
        else:
            p_vit = network.logits(images)
        logits.append(p_vit)
    progress(len(samples), len(samples), "ranking")
    return np.concatenate(logits), np.concatenate(embeddings) if embeddings else None


def _opinions(
    network: Network,
    embedding: NDArray[np.float32],
    p_vit: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    rounds: int,
    batch: int,
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What mates answer and how they are labelled, [B, N] each: the mean over random batches."""
    if network.model.batch is None:
        raise ValueError("this BTN has no batch part")
    scale = network.model.batch.cba.scale
    answers, shares = np.zeros_like(p_vit), np.zeros_like(p_vit)
    draw = np.random.default_rng(seed)
    for _ in range(rounds):
        # parts of equal size: no image is left over alone
        for part in np.array_split(draw.permutation(len(labels)), max(1, round(len(labels) / batch))):
            opinion = mates_opinion(embedding[part], p_vit[part], labels[part], scale=scale)
            answers[part] += opinion.answers / rounds
            shares[part] += opinion.labels / rounds
    return answers, shares


def _votes(dataset: Dataset, samples: Sequence[Sample], labels: Sequence[str]) -> NDArray[np.float64] | None:
    """Shares of the votes [B, N] in the network's order, nan for an image without; None where no image has any."""
    table = np.full((len(samples), len(labels)), np.nan)
    places = [dataset.labels.index(label) if label in dataset.labels else None for label in labels]
    for row, sample in zip(table, samples, strict=True):
        if sample.votes is not None and sum(sample.votes) > 0:
            row[:] = [0.0 if place is None else sample.votes[place] / sum(sample.votes) for place in places]
    return None if np.isnan(table).all() else table


def _scored(
    signs: Mapping[str, NDArray[np.float64]],
    score: NDArray[np.float64],
    labels: Sequence[str],
    better: Sequence[str | None] | None,
) -> tuple[tuple[Ranked, ...], int, float | None]:
    """The score, each sign alone, and how many images have a truth and what share of them is labelled otherwise."""
    if better is None:
        return (), 0, None
    known = np.array([name is not None for name in better])
    wrong = np.array([name is not None and name != label for name, label in zip(better, labels, strict=True)])
    same = any(np.array_equal(score, values) for values in signs.values())
    rankings = dict(signs) if same else {"score": score, **signs}
    ranked = []
    for name, values in rankings.items():
        order = [place for place in most_doubtful(values).tolist() if known[place]]
        precision = {depth: precision_at(order, wrong, depth) for depth in _DEPTHS if depth <= len(order)}
        ranked.append(Ranked(name, precision, average_precision(order, wrong)))
    return tuple(ranked), int(known.sum()), float(wrong[known].mean())


def _remarks(
    network: Network, dataset: Dataset, samples: Sequence[Sample], signs: Mapping[str, object]
) -> tuple[str, ...]:
    found = []
    if "mates" not in signs:
        found.append(
            f"{network.source} has no batch part, so batch mates say nothing: the folder of a run trained with BT or CBA has it"
        )
    trained = network.card.data.get("fingerprint")
    if trained is not None and dataset.fingerprint is not None and trained != dataset.fingerprint:
        found.append(
            "the network was trained on other images or labels than these, so its loss may mean something else"
        )
    if len(samples) < len(dataset.split(samples[0].split)):
        found.append(
            f"{len(dataset.split(samples[0].split)) - len(samples)} images of classes it does not know are left out"
        )
    return tuple(found)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
