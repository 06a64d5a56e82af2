"""Weights and a data set in, the same weights with probabilities and leaning fitted to its validation split out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fercli import __version__
from fercli.data.dataset import Split
from fercli.data.open import open_dataset
from fercli.errors import DataError, UsageError
from fercli.evaluate import metrics
from fercli.evaluate.answers import Answers, answers_on, known_samples, samples_of
from fercli.evaluate.logit_adjustment import fit_tau, lean
from fercli.evaluate.scores import SplitScore, split_score
from fercli.progress import Progress, silent
from fercli.system.files import refuse_existing
from fercli.weights.classifier import Classifier, open_torch
from fercli.weights.files import TORCH_SUFFIX, find_weights, load_weights, save_weights

if TYPE_CHECKING:
    from torch import Tensor

Favour = Literal["none", "overall", "both", "mean"]

HEAD_BIAS = "vit.head.bias"


@dataclass(frozen=True)
class Calibrated:
    """What was fitted, and what the weights scored on each split before and after.

    tau: how far answers lean towards rare classes: 0 not at all, 1 as if all classes were equally common, negative away.
    """

    out: Path
    tau: float
    temperature: float
    before: tuple[SplitScore, ...]
    after: tuple[SplitScore, ...]


def calibrate(
    weights: str | Path,
    data: str,
    out: Path,
    *,
    folder: Path | None = None,
    split: Split = "val",
    favour: Favour = "none",
    tau: float | None = None,
    said: Mapping[str, Any] = MappingProxyType({}),
    batch: int = 64,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Calibrated:
    """Fit temperature, and with `favour` a leaning towards rare classes, on one split; write new weights with a new card.

    favour: what the leaning should serve on that split: `overall` accuracy, the `mean` of the class accuracies, `both`
    (halfway), or `none` for the temperature alone; tau: lean by so much instead, -1..1.5. The leaning is added to the
    classifier's bias, so every engine answers alike. How common classes are is counted on the train split, or where there is
    none on `split`. The test split is scored, nothing is fitted to it. said: name, version, licence or notes of the new card;
    what is missing or None stays as on the old one.
    Errors: UsageError for an output that is no .safetensors or a test split, DataError for splits without known images.
    """
    if out.suffix != TORCH_SUFFIX:
        raise UsageError(f"the output {out} must end in {TORCH_SUFFIX}", fix=str(out.with_suffix(TORCH_SUFFIX)))
    if split == "test":
        raise UsageError("what is fitted to the test split cannot be measured on it", fix="--split val")
    if tau is not None and (favour != "none" or not -1 <= tau <= 1.5):
        raise UsageError(
            f"--tau {tau:g} is a leaning of -1 to 1.5, in place of a fitted one", fix="--favour without --tau"
        )
    refuse_existing(out, overwrite=overwrite)
    dataset = open_dataset(data, folder)
    path = find_weights(weights, (TORCH_SUFFIX,))
    state, card = load_weights(path)
    classifier = open_torch(path, device=device)
    fitted = samples_of(dataset, split)
    counted = dataset.counts("train" if dataset.split("train") else split)
    missing = [label for label in card.labels if not counted.get(label)]
    if (favour != "none" or tau) and missing:
        raise DataError(
            f"{dataset.name} has no {missing[0]} images to count, so nobody knows how rare they are",
            fix="--favour none, without --tau",
        )
    answers = {
        name: answers_on(
            classifier, dataset, known_samples(classifier, dataset, samples), batch=batch, progress=progress
        )
        for name, samples in ((split, fitted), ("test", dataset.split("test")))
        if samples
    }
    counts = [counted.get(label, 0) for label in answers[split].labels]
    if tau is None:
        tau = 0.0 if favour == "none" else fit_tau(answers[split].logits, answers[split].truth, counts, aim=favour)
    shift = lean(counts, tau).astype(np.float32)  # in the order of the answers' labels
    temperature = metrics.fit_temperature(answers[split].logits + shift, answers[split].truth)
    before, after = (
        tuple(_score(name, found, moved, heat) for name, found in answers.items())
        for moved, heat in ((np.zeros_like(shift), card.temperature), (shift, temperature))
    )
    _lean_head(state, classifier, dict(zip(answers[split].labels, shift.tolist(), strict=True)))
    facts = {
        "by": f"fer calibrate {__version__}",
        "data": dataset.name,
        "split": split,
        "favour": favour,
        "tau": tau,
        "images": len(answers[split].truth),
    }
    scores = {**card.scores, **{score.split: asdict(score) for score in after}}
    provenance = {**card.provenance, "calibrated": facts}
    stated = {field: value for field, value in said.items() if value is not None}
    changed = replace(card, temperature=temperature, scores=scores, provenance=provenance, **stated)
    save_weights(out, state, changed)
    return Calibrated(out, tau, temperature, before, after)


def _score(split: str, answers: Answers, shift: NDArray[np.float32], temperature: float) -> SplitScore:
    return split_score(split, answers.logits + shift, answers.truth, labels=answers.labels, temperature=temperature)


def _lean_head(state: dict[str, Tensor], classifier: Classifier, shift: dict[str, float]) -> None:
    import torch

    state[HEAD_BIAS] = state[HEAD_BIAS] + torch.tensor([shift[label] for label in classifier.card.labels])
