"""Class shares that probabilities assume, and their replacement by others (`--prior`).

Letters: B faces, N classes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.config.labels import canonical
from fercli.errors import DataError, UsageError
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import Classifier, LoadedClassifier

# majority votes of FERPlus's training images
_FERPLUS = {
    "neutral": 8740,
    "happiness": 7287,
    "surprise": 3149,
    "sadness": 3014,
    "anger": 2100,
    "disgust": 119,
    "fear": 532,
    "contempt": 119,
}
UNIFORM = "uniform"
NAMES = ("ferplus", UNIFORM)
_SHARE_RANGE = 1e-6, 1e12  # shares, or counts


def class_shares(prior: str | Path | Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    """Return the shares of the classes by name (`ferplus`, `uniform`), from a CSV file with class and share, or a mapping.

    Shares need not sum to 1: counts do as well. Raises: UsageError for an unknown name or a class without a share, DataError
    for a file that cannot be read.
    """
    if isinstance(prior, Mapping):
        shares = {canonical(name): float(share) for name, share in prior.items()}
    elif prior == UNIFORM:
        shares = dict.fromkeys(labels, 1.0)
    elif prior == "ferplus":
        shares = {name: float(count) for name, count in _FERPLUS.items()}
    else:
        shares = _read(Path(prior))
    missing = [label for label in labels if label not in shares]
    if missing:
        raise UsageError(
            f"the prior {prior} has no share of {', '.join(missing)}",
            fix="a CSV file with the columns class and share, one row for each class of the model",
        )
    low, high = _SHARE_RANGE
    wrong = next((label for label in labels if not low <= shares[label] <= high), None)
    if wrong is not None:
        raise UsageError(
            f"the prior {prior}: the share of {wrong} is {shares[wrong]:g}, must be in {low:g}..{high:g}",
            fix="positive shares or counts",
        )
    total = sum(shares[label] for label in labels)
    return {label: shares[label] / total for label in labels}


def _read(path: Path) -> dict[str, float]:
    fix = "a CSV file with the columns class and share: neutral,0.6"
    if not path.is_file():
        raise UsageError(f"--prior {path}: neither a file nor one of {', '.join(NAMES)}", fix=fix)
    shares: dict[str, float] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"class", "share"} <= set(rows.fieldnames or ()):
                raise KeyError("no columns class and share")
            for row in rows:
                name, share = canonical(row["class"]), float(row["share"])
                if name in shares:
                    raise DataError(f"{path}: two shares of {name}", fix=fix)
                shares[name] = share
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(f"{path}: these are not class shares ({error})", fix=fix) from error
    return shares


def prior_offsets(card: WeightsCard, shares: Mapping[str, float]) -> NDArray[np.float32]:
    """Return what to add to the logits [N] so that the probabilities assume other class shares than those of the card.

    A posterior is proportional to likelihood times prior, so log p changes by log(new / old) and a logit, which is divided by
    the temperature, by temperature * log(new / old) (Saerens et al. 2002, Eq. 4).
    Raises: UsageError if the card states no class shares.
    """
    if not card.prior:
        raise UsageError(
            f"the card of {card.name} {card.version} does not state the class shares that its probabilities assume, so they "
            "cannot be replaced",
            fix="omit --prior, or use weights whose card has `prior`",
        )
    ratios = [shares[label] / card.prior[label] for label in card.labels]
    offsets: NDArray[np.float32] = (card.temperature * np.log(ratios)).astype(np.float32)
    return offsets


def with_prior(classifier: Classifier, shares: Mapping[str, float]) -> Classifier:
    """Return a classifier whose probabilities assume these class shares; so does its card."""
    offsets = prior_offsets(classifier.card, shares)

    def adjusted(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return classifier.logits(crops) + offsets

    card = replace(classifier.card, prior=dict(shares))
    return LoadedClassifier(card, classifier.engine, classifier.device, adjusted)


def describe_prior(name: str, shares: Mapping[str, float]) -> str:
    """Return class shares as one line of text: `ferplus: neutral 34.9 %, ...`."""
    return f"{name}: " + ", ".join(f"{label} {100 * share:.1f} %" for label, share in shares.items())
