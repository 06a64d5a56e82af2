"""The weights and the settings of a run, as a report describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fercli import __version__
from fercli.formatting import percent
from fercli.html.colours import Colour, expression_colour
from fercli.weights.card import WeightsCard

_SELDOM = 0.3  # recall of a class below which a reader is warned


@dataclass(frozen=True)
class LegendEntry:
    """A class and its colour; None: uncertain."""

    name: str
    colour: Colour | None


def legend(labels: Sequence[str]) -> list[LegendEntry]:
    """Return what the colours mean."""
    return [*(LegendEntry(label, expression_colour(label, labels)) for label in labels), LegendEntry("uncertain", None)]


def reliability(card: WeightsCard) -> str:
    """Return how good the model is according to its card, in sentences."""
    limit = (
        f"A face is marked uncertain when its highest probability is below {percent(card.abstain_below)}: "
        "treat its expression as unreliable."
        if card.abstain_below > 0
        else "The card states no probability below which a face is marked uncertain."
    )
    score = _test_score(card.scores)
    if score is None:
        return f"{limit} The card of the weights states no scores: the accuracy is unknown."
    return f"{limit} {_score_sentence(score, str(card.data.get('name', card.schema)))}"


def methods(card: WeightsCard, run: Mapping[str, object]) -> str:
    """Return a paragraph for a methods section, with the settings of this run."""
    parts = [
        f"Facial expressions were predicted with fer {__version__} and the model {card.name}, version {card.version}, which "
        f"gives every face a probability for {', '.join(card.labels)}."
    ]
    for name, text in (
        ("detector", "Faces were detected by {}."),
        ("frames of videos", "Frames of videos that were read: {}."),
        ("baseline", "Resting expressions were subtracted: {}."),
        ("smoothing", "Probabilities were averaged over time along each track with a time constant of {}."),
    ):
        value = str(run.get(name, "off"))
        if value != "off":
            parts.append(text.format(value))
    if card.abstain_below > 0:
        parts.append(
            f"Faces whose highest probability was below {percent(card.abstain_below)} were counted as uncertain."
        )
    return " ".join(parts)


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
        *run.items(),
        ("made with", made),
    ]


def _test_score(scores: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The score of the test split, else of any other."""
    candidates = [scores.get("test"), *scores.values()]
    return next((score for score in candidates if isinstance(score, Mapping) and "accuracy" in score), None)


def _score_sentence(score: Mapping[str, Any], data: str) -> str:
    images = f" ({score['images']:,} images)" if score.get("images") else ""
    text = f"On the {score.get('split', 'test')} split of {data}{images} its accuracy is {percent(score['accuracy'])}"
    if score.get("mean_accuracy") is not None:
        text += f", its mean class accuracy {percent(score['mean_accuracy'])}"
    seldom = ", ".join(f"{name} ({percent(recall)})" for recall, name in sorted(_seldom(score)))
    return f"{text}. Classes that it recognises seldom: {seldom}." if seldom else f"{text}."


def _seldom(score: Mapping[str, Any]) -> Iterator[tuple[float, str]]:
    """Yield (recall, class) of the classes that are recognised seldom."""
    for name, recall in (score.get("class_accuracy") or {}).items():
        if recall is not None and recall < _SELDOM:
            yield recall, name
