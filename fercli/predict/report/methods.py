"""The paragraph about methods that a report offers for an article, with every setting that changes numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fercli import __version__
from fercli.coding.correction import SETTING
from fercli.coding.episodes import EpisodeOptions
from fercli.faces.known_heads import MAX_DISTANCE, MEASURED, MIN_SIDE, OTHER_DISTANCE
from fercli.faces.tracks import LOST_S
from fercli.formatting import percent, pluralize
from fercli.predict.baseline.correction import MARGIN
from fercli.predict.baseline.spans import AUTO, CALMEST
from fercli.results import MIN_FACE_SCORE, MIN_TRACK_S
from fercli.weights.card import WeightsCard
from fercli.weights.priors import describe_prior

_YEAR = 2026  # of this version, as in CITATION.cff
_NAMED = 5  # who has no baseline
# setting -> sentence of the methods paragraph, unless it is off
_ALWAYS = {
    "label convention": "Label convention: {}.",
    "class shares": "The probabilities assume these class shares: {}.",
    "test-time augmentation": "Test-time augmentation: {}.",
    "faces": "The faces were given: {}.",
}
_OF_FACES = {
    "minimum face size": "The smallest face that was looked for had a side of {}.",
    "crop template": "Faces were aligned to the template {}.",
}
_OF_VIDEOS = {
    "frames of videos": "Frames of videos that were read: {}.",
    "detection": "Faces of videos were detected in {}.",
    "smoothing": "Probabilities were averaged over time along each track with a time constant of {}.",
    SETTING: "Shares of time were also corrected by the confusion matrix of {}.",
}
_TRACKING = (
    "Faces were tracked from frame to frame by position, size and appearance, and after more than 0.1 s without detection or "
    f"a cut by the colours of face and hair (another track beyond {OTHER_DISTANCE:g} units of CIELAB). A face that fitted no "
    f"track of the last {LOST_S:g} s got the number of an earlier track of the video if the colours of face and hair (16 x 16 "
    f"pixels in CIELAB, face at least {MIN_SIDE:g} px) differed by at most {MAX_DISTANCE:g} on average; {MEASURED}. Faces in "
    f"view for less than {MIN_TRACK_S:g} s have no track."
)


@dataclass(frozen=True)
class _Detector:
    """A face detector in a text: how the setting begins, its name with a citation, and the reference."""

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


@dataclass
class BaselineCounts:
    """How many tracks, people and pictures a resting expression was subtracted from. without: the names of the others."""

    subtracted: int = 0
    without: list[str] = field(default_factory=list)

    def add(self, name: str, baseline: str | None) -> None:
        """Count a track, person or picture."""
        if baseline is None:
            self.without.append(name)
        else:
            self.subtracted += 1


def methods(
    card: WeightsCard, run: Mapping[str, object], *, videos: bool = True, baselines: BaselineCounts | None = None
) -> str:
    """Return a paragraph for a methods section, with the settings of this run. videos: there are some."""
    parts = [
        f"Facial expressions were predicted with fer {__version__} (fer contributors, {_YEAR}) and the model {card.name}, "
        f"version {card.version}, a network after Her et al. (2025), which gives every face a probability for "
        f"{', '.join(card.labels)}.",
        *_assumed_shares(card, run),
        *_stated(run, _ALWAYS),
        *_detector(run),
        *_stated(run, _OF_FACES),
        *(_stated(run, _OF_VIDEOS) if videos else ()),
        *(_tracking(run) if videos else ()),
        *_baseline(str(run.get("baseline", "off")), baselines or BaselineCounts()),
        *_uncertain(card, run),
    ]
    if videos:
        options = EpisodeOptions()
        parts.append(
            "Shares are shares of the time in view. Episodes were found in probabilities averaged over a centred window of "
            f"{options.smooth_s:g} s: the time in which an expression was the most probable one with at least "
            f"{options.leave:g}, if it reached {options.enter:g}. Gaps up to {options.merge_gap_s:g} s were merged, and "
            f"episodes shorter than {options.min_duration_s:g} s left out."
        )
    return " ".join(parts)


def references(run: Mapping[str, object]) -> list[str]:
    """Return the references of the methods paragraph, in the order of a list of references."""
    software = (
        f"fer contributors ({_YEAR}). fer: facial expression recognition with the Batch Transformer Network "
        f"(version {__version__}) [Computer software]."
    )
    paper = (
        "Her, M. B., Jeong, J., Song, H., & Han, J.-H. (2025). Batch Transformer: Look for attention in batch. "
        "IEEE Access, 13, 190093-190107."
    )
    detectors = [item.reference for item in _DETECTORS if str(run.get("detector", "")).startswith(item.key)]
    return [software, paper, *detectors]


def doubts(card: WeightsCard, run: Mapping[str, object], *, past: bool) -> Iterator[str]:
    """Yield what makes a face uncertain, see `status_of`."""
    if card.abstain_below > 0:
        yield f"whose highest probability {'was' if past else 'is'} below {percent(card.abstain_below)}"
    if str(run.get("detector", "off")) != "off":
        yield f"with a detection score below {MIN_FACE_SCORE}"
    side = str(run.get("minimum reliable face size", "0 px"))
    if side != "0 px":
        yield f"with a side below {side}"


def _stated(run: Mapping[str, object], sentences: Mapping[str, str]) -> Iterator[str]:
    """Yield the sentences of settings that are known and not off."""
    for name, sentence in sentences.items():
        value = str(run.get(name, "off"))
        if value != "off":
            yield sentence.format(value)


def _assumed_shares(card: WeightsCard, run: Mapping[str, object]) -> Iterator[str]:
    if card.prior and "class shares" not in run:
        shares = describe_prior("", card.prior).removeprefix(": ")
        yield f"The probabilities assume the class shares of the training: {shares}."


def _detector(run: Mapping[str, object]) -> Iterator[str]:
    """Yield the detector with its citation, thresholds and the size of the pictures that it gets."""
    value = str(run.get("detector", "off"))
    if value == "off":
        return
    known = next((item.citation for item in _DETECTORS if value.startswith(item.key)), None)
    version, _, settings = value.partition(", ")
    yield f"Faces were detected with {known or version}" + (f" ({version}; {settings})." if settings else ".")


def _tracking(run: Mapping[str, object]) -> Iterator[str]:
    if str(run.get("tracking", "off")) == "off":
        yield "Faces were not tracked: the largest face of every frame counts."
        return
    yield _TRACKING
    if "names of people" in run:
        yield "Tracks were named by hand; tracks with one name are one person."


def _baseline(setting: str, baselines: BaselineCounts) -> Iterator[str]:
    """Yield how resting expressions were subtracted, and of whom they were not."""
    request = setting.partition(", subtracted")[0]
    if request == "off":
        return
    without = ", ".join(baselines.without[:_NAMED]) + (", ..." if len(baselines.without) > _NAMED else "")
    if not baselines.subtracted:
        yield (
            f"No resting expression was subtracted, although it was asked for ({request}): nobody was long enough in view "
            "at rest."
        )
        return
    stated = f"the {request}" if request.startswith("table ") else request
    where = f"in the calmest seconds of each ({CALMEST})" if request == AUTO else f"as stated by {stated}"
    yield (
        "Of every track or person the expression at rest was subtracted in logit space, with a margin of "
        f"{MARGIN:g} for neutral: the median of the log probabilities at rest, {where}."
    )
    if without:
        count = pluralize(len(baselines.without), "track, person or picture", "tracks, people or pictures")
        yield f"Nothing was subtracted for {count} ({without}), whose rest was not in view for long enough."


def _uncertain(card: WeightsCard, run: Mapping[str, object]) -> Iterator[str]:
    """Yield when a face was counted as uncertain."""
    if reasons := list(doubts(card, run, past=True)):
        yield f"Faces {' and faces '.join(reasons)} were counted as uncertain."
