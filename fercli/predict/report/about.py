"""The weights and the settings of a run, as a report describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fercli.formatting import percent
from fercli.html.colours import Colour, expression_colour
from fercli.predict.report.methods import doubts
from fercli.weights.card import WeightsCard
from fercli.weights.priors import describe_prior

_LISTED = 3  # expressions with the lowest recall that a report names, beside the one with the highest


@dataclass(frozen=True)
class LegendEntry:
    """A class and its colour; None: uncertain."""

    name: str
    colour: Colour | None


def legend(labels: Sequence[str]) -> list[LegendEntry]:
    """Return what the colours mean."""
    return [*(LegendEntry(label, expression_colour(label, labels)) for label in labels), LegendEntry("uncertain", None)]


def uncertainty(card: WeightsCard, run: Mapping[str, object]) -> str:
    """Return when a face is marked uncertain, in sentences."""
    reasons = list(doubts(card, run, past=False))
    stated = (
        f"Faces {' and faces '.join(reasons)} are marked uncertain. Their expression is unreliable, and their time does not "
        "count for any expression."
    )
    unknown = "The card of the weights states no probability below which a face is marked uncertain."
    return " ".join([*([stated] if reasons else []), *([unknown] if card.abstain_below <= 0 else [])])


def accuracy(card: WeightsCard) -> str:
    """Return how good the model is according to its card, in sentences."""
    score = _test_score(card.scores)
    if score is None:
        return "The card of the weights states no scores: the accuracy is unknown."
    return _score_sentence(score, str(card.data.get("name", card.schema)))


def settings(card: WeightsCard, run: Mapping[str, object], *, made: str) -> list[tuple[str, object]]:
    """Return everything that shaped the predictions, as (name, value)."""
    return [
        (
            "weights",
            f"{card.name}, version {card.version}, {card.model.preset}, licence: {card.licence or 'not stated'}",
        ),
        ("classes", ", ".join(card.labels)),
        ("alignment", f"{card.crop.name}, {card.model.input.size} px, {card.model.input.colour}"),
        ("trained on", " ".join(str(part) for part in (card.data.get("name"), card.data.get("fingerprint")) if part)),
        ("temperature", f"{card.temperature:.4g}"),
        ("uncertain below", percent(card.abstain_below)),
        *_assumed_shares(card, run),
        *run.items(),
        ("made with", made),
    ]


def _assumed_shares(card: WeightsCard, run: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return the class shares that the card states; a run with --prior has others, which it states itself."""
    if not card.prior or "class shares" in run:
        return []
    return [("class shares", describe_prior("of the weights", card.prior))]


def _test_score(scores: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The score of the test split, else of any other."""
    candidates = [scores.get("test"), *scores.values()]
    return next((score for score in candidates if isinstance(score, Mapping) and "accuracy" in score), None)


def _score_sentence(score: Mapping[str, Any], data: str) -> str:
    images = f"{score['images']:,} faces" if score.get("images") else "faces"
    text = f"On {images} of {data} ({score.get('split', 'test')} split) {percent(score['accuracy'])} of the predictions were right"
    if score.get("mean_accuracy") is not None:
        text += f"; with every expression counted alike, {percent(score['mean_accuracy'])}"
    known = sorted((recall, name) for name, recall in (score.get("class_accuracy") or {}).items() if recall is not None)
    if not known:
        return f"{text}. Your recordings differ from these pictures."
    shares = ", ".join(f"{percent(recall)} of {name}" for recall, name in [*known[:_LISTED], known[-1]])
    return f"{text}. It recognised {shares}. Your recordings differ from these pictures."
