"""`fer calibrate`: fit temperature and logit adjustment of weights to a validation split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fercli import __version__
from fercli.data.dataset import Dataset, Split
from fercli.data.open import open_dataset
from fercli.errors import DataError, UsageError
from fercli.evaluate.dataset_predictions import DatasetPredictions, known_samples, labelled_samples, predict_samples
from fercli.evaluate.logit_adjustment import TAU_RANGE, fit_tau, logit_adjustment
from fercli.evaluate.metrics import fit_temperature
from fercli.evaluate.scores import Score, score_logits
from fercli.progress import Progress, silent
from fercli.system.files import refuse_existing
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import Classifier, open_torch
from fercli.weights.conventions import head_key
from fercli.weights.files import TORCH_SUFFIX, load_weights, save_weights
from fercli.weights.find import find_weights

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CalibrateOptions:
    """What to fit, and what to state on the new card.

    split: the images to fit to. objective: what the logit adjustment should maximise there: `overall` accuracy, `mean`
    class accuracy, `both` (their average), or `none` for the temperature alone. tau: a fixed adjustment instead, -1..1.5.
    card: name, version, licence or notes of the new card; what is missing or None is copied from the old one.
    convention: the label convention whose head and temperature are changed (default: that of the weights).
    """

    split: Split = "val"
    objective: Literal["none", "overall", "both", "mean"] = "none"
    tau: float | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    convention: str | None = None
    batch_size: int = 64
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.split == "test":
            raise UsageError("what is fitted to the test split cannot be measured on it", fix="--split val")
        low, high = TAU_RANGE
        if self.tau is not None and (self.objective != "none" or not low <= self.tau <= high):
            raise UsageError(
                f"--tau {self.tau:g} has to be in {low:g}..{high:g} and without --objective",
                fix="--objective without --tau",
            )


@dataclass(frozen=True)
class CalibrateResult:
    """What was fitted, and the scores on each split before and after. tau: of the logit adjustment."""

    out: Path
    tau: float
    temperature: float
    before: tuple[Score, ...]
    after: tuple[Score, ...]


def calibrate(
    weights: str | Path,
    data: str,
    out: Path,
    options: CalibrateOptions = CalibrateOptions(),
    *,
    folder: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> CalibrateResult:
    """Fit temperature and logit adjustment on one split; write new weights with a new card.

    The adjustment is added to the classifier's bias, so that every engine has it. How common classes are is counted on the
    train split, without one on the fitted split. The test split is scored, nothing is fitted to it.
    Raises: UsageError for an output that is not a .safetensors file, DataError for splits without known images.
    """
    if out.suffix != TORCH_SUFFIX:
        raise UsageError(f"the output {out} must end in {TORCH_SUFFIX}", fix=str(out.with_suffix(TORCH_SUFFIX)))
    refuse_existing(out, overwrite=overwrite)
    dataset = open_dataset(data, folder)
    path = find_weights(weights, (TORCH_SUFFIX,))
    state, card = load_weights(path)
    classifier = open_torch(path, device=options.device, convention=options.convention)
    current = classifier.card
    fitted_samples = labelled_samples(dataset, options.split)
    counts = _counts(dataset, card, options)
    predictions = {
        split: predict_samples(
            classifier,
            dataset,
            known_samples(classifier, dataset, samples),
            batch_size=options.batch_size,
            progress=progress,
        )
        for split, samples in ((options.split, fitted_samples), ("test", dataset.split("test")))
        if samples
    }
    fitted = predictions[options.split]
    tau = _tau(fitted, counts, options)
    adjustment = logit_adjustment([counts.get(label, 0) for label in fitted.labels], tau).astype(np.float32)
    temperature = fit_temperature(fitted.logits + adjustment, fitted.truth)
    before = _scores(predictions, np.zeros_like(adjustment), current.temperature)
    after = _scores(predictions, adjustment, temperature)
    _add_to_head(state, classifier, dict(zip(fitted.labels, adjustment.tolist(), strict=True)))
    calibrated = {
        "by": f"fer calibrate {__version__}",
        "data": dataset.name,
        "split": options.split,
        "objective": options.objective,
        "tau": tau,
        "images": len(fitted.truth),
        **({"convention": current.convention} if current.convention else {}),
    }
    changed = replace(
        current,
        temperature=temperature,
        prior=_adjusted_prior(current, counts, tau),
        scores={**current.scores, **{score.split: score.for_card() for score in after}},
        provenance={**current.provenance, "calibrated": calibrated},
        **{name: value for name, value in options.card.items() if value is not None},
    )
    save_weights(out, state, changed.for_convention(card.convention))
    return CalibrateResult(out, tau, temperature, before, after)


def _counts(dataset: Dataset, card: WeightsCard, options: CalibrateOptions) -> dict[str, int]:
    """Count images by class; DataError where a class to adjust has none."""
    counts = dict(dataset.counts("train" if dataset.split("train") else options.split))
    missing = [label for label in card.labels if not counts.get(label)]
    if (options.objective != "none" or options.tau) and missing:
        raise DataError(
            f"{dataset.name} has no {missing[0]} images, so the share of that class is unknown",
            fix="--objective none, without --tau",
        )
    return counts


def _adjusted_prior(card: WeightsCard, counts: Mapping[str, int], tau: float) -> dict[str, float]:
    """The class shares that the adjusted probabilities assume: the earlier ones times shares of the counts to the power -tau.

    As before if they are unknown, or a class has no images.
    """
    if not card.prior or not tau or not all(counts.get(label) for label in card.labels):
        return card.prior
    shares = {label: share * counts[label] ** -tau for label, share in card.prior.items()}
    return {label: share / sum(shares.values()) for label, share in shares.items()}


def _tau(fitted: DatasetPredictions, counts: Mapping[str, int], options: CalibrateOptions) -> float:
    if options.tau is not None:
        return options.tau
    if options.objective == "none":
        return 0.0
    in_order = [counts.get(label, 0) for label in fitted.labels]
    return fit_tau(fitted.logits, fitted.truth, in_order, objective=options.objective)


def _scores(
    predictions: Mapping[Split, DatasetPredictions], adjustment: NDArray[np.float32], temperature: float
) -> tuple[Score, ...]:
    return tuple(
        score_logits(
            split, predicted.logits + adjustment, predicted.truth, labels=predicted.labels, temperature=temperature
        )
        for split, predicted in predictions.items()
    )


def _add_to_head(state: dict[str, Tensor], classifier: Classifier, adjustment: Mapping[str, float]) -> None:
    import torch

    key = f"{head_key(classifier.card.head)}.bias"
    state[key] = state[key] + torch.tensor([adjustment[label] for label in classifier.card.labels])
