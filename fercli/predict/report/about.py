"""The weights and the settings of a run, as a report describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fercli import __version__
from fercli.coding.correction import SETTING
from fercli.coding.episodes import EpisodeOptions
from fercli.formatting import percent
from fercli.html.colours import Colour, expression_colour
from fercli.results import MIN_FACE_SCORE, MIN_TRACK_S
from fercli.weights.card import WeightsCard
from fercli.weights.priors import describe_prior

_LISTED = 3  # expressions with the lowest recall that a report names, beside the one with the highest


_YEAR = 2026  # of this version, as in CITATION.cff

# setting -> sentence of the methods paragraph, unless it is off
_ALWAYS = {
    "label convention": "Label convention: {}.",
    "class shares": "The probabilities assume these class shares: {}.",
    "test-time augmentation": "Test-time augmentation: {}.",
    "detector": "Faces were detected with {}.",
    "faces": "The faces were given: {}.",
    "minimum face size": "The smallest face that was looked for had a side of {}.",
}
_OF_VIDEOS = {
    "frames of videos": "Frames of videos that were read: {}.",
    "detection": "Faces of videos were detected in {}.",
    "tracking": "People of videos were tracked.",
    "smoothing": "Probabilities were averaged over time along each track with a time constant of {}.",
    SETTING: "Shares of time were also corrected by the confusion matrix of {}.",
    "baseline": "Resting expressions: {}.",
}


@dataclass(frozen=True)
class _Detector:
    """A face detector in a text: the begin of the setting, its name with a citation, and the reference."""

    key: str
    citation: str
    reference: str


_DETECTORS = (
    _Detector(
        "yunet",
        "YuNet (Wu et al., 2023)",
        "Wu, W., Peng, H., & Yu, S. (2023). YuNet: A tiny millisecond-level face detector. Machine Intelligence Research, "
        "20(5), 656-665.",
    ),
    _Detector(
        "mtcnn",
        "MTCNN (Zhang et al., 2016)",
        "Zhang, K., Zhang, Z., Li, Z., & Qiao, Y. (2016). Joint face detection and alignment using multitask cascaded "
        "convolutional networks. IEEE Signal Processing Letters, 23(10), 1499-1503.",
    ),
)


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
    reasons = list(_reasons(card, run, past=False))
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


def methods(card: WeightsCard, run: Mapping[str, object], *, videos: bool = True) -> str:
    """Return a paragraph for a methods section, with the settings of this run. videos: there are some."""
    parts = [
        f"Facial expressions were predicted with fer {__version__} (fer contributors, {_YEAR}) and the model {card.name}, "
        f"version {card.version}, a network after Her et al. (2025), which gives every face a probability for "
        f"{', '.join(card.labels)}.",
        *_stated(run, _ALWAYS),
        *(_stated(run, _OF_VIDEOS) if videos else ()),
        *_uncertain(card, run),
    ]
    if videos:
        options = EpisodeOptions()
        parts.append(
            "Shares are shares of the time in view. Episodes were found in probabilities averaged over a centred window of "
            f"{options.smooth_s:g} s: the time in which an expression was the most probable one with at least "
            f"{options.leave:g}, if it reached {options.enter:g}. Gaps up to {options.merge_gap_s:g} s were merged, episodes "
            f"shorter than {options.min_duration_s:g} s left out, and people in view for less than {MIN_TRACK_S:g} s."
        )
    return " ".join(parts)


def references(run: Mapping[str, object]) -> list[str]:
    """Return the references of the methods paragraph, in the order of a list of references."""
    software = (
        f"fer contributors ({_YEAR}). fer: facial expression recognition with the Batch Transformer Network "
        f"(version {__version__}) [Computer software]."
    )
    paper = "Her, Jeong, Song, & Han (2025). Batch Transformer: Look for attention in batch. IEEE Access, 13."
    detectors = [item.reference for item in _DETECTORS if str(run.get("detector", "")).startswith(item.key)]
    return [software, paper, *detectors]


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


def _stated(run: Mapping[str, object], sentences: Mapping[str, str]) -> Iterator[str]:
    """Yield the sentences of settings that are known and not off."""
    for name, sentence in sentences.items():
        value = str(run.get(name, "off"))
        if name == "detector":
            found = (item.citation for item in _DETECTORS if value.startswith(item.key))
            value = next(found, value)
        if value != "off":
            yield sentence.format(value)


def _uncertain(card: WeightsCard, run: Mapping[str, object]) -> Iterator[str]:
    """Yield when a face was counted as uncertain."""
    if reasons := list(_reasons(card, run, past=True)):
        yield f"Faces {' and faces '.join(reasons)} were counted as uncertain."


def _reasons(card: WeightsCard, run: Mapping[str, object], *, past: bool) -> Iterator[str]:
    """Yield what makes a face uncertain, see `status_of`."""
    if card.abstain_below > 0:
        yield f"whose highest probability {'was' if past else 'is'} below {percent(card.abstain_below)}"
    if str(run.get("detector", "off")) != "off":
        yield f"with a detection score below {MIN_FACE_SCORE}"
    side = str(run.get("minimum reliable face size", "0 px"))
    if side != "0 px":
        yield f"with a side below {side}"


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
