"""Warnings about a score: unknown classes, missing files, another alignment, doubtful lists of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fercli.data.align_record import alignment_differences
from fercli.data.dataset import Dataset
from fercli.data.subsets import Subset
from fercli.evaluate.scores import Score, one_class_text
from fercli.formatting import pluralize
from fercli.weights.card import WeightsCard

_CODES_MATCH = 0.9  # of a list's class codes; fewer cause a warning
_NAMED = 5  # images that a warning names


def score_warnings(
    dataset: Dataset,
    card: WeightsCard,
    left_out: Mapping[str, int],
    subsets: Sequence[Subset],
    *,
    score: Score,
    without_file: int,
) -> tuple[str, ...]:
    """Return the warnings about a score. left_out: images by class the model lacks; without_file: labelled images."""
    warnings: list[str] = []
    if left_out:
        listed = ", ".join(f"{name} ({count})" for name, count in left_out.items())
        warnings.append(f"{card.name} does not know the classes {listed}: these images are in no score")
    if without_file:
        have = "has" if without_file == 1 else "have"
        warnings.append(
            f"{pluralize(without_file, 'labelled image')} {have} no file (no face was detected): in no score"
        )
    if dataset.crop is not None and dataset.crop != card.crop.name:
        warnings.append(f"the images are aligned to {dataset.crop}, {card.name} was trained on {card.crop.name} crops")
    else:
        warnings += _alignment(dataset, card)
    for subset in subsets:
        warnings += _subset(subset)
    if score.single_prediction is not None:
        warnings.append(one_class_text(score.single_prediction, score.images))
    return tuple(warnings)


def _subset(subset: Subset) -> list[str]:
    warnings = []
    if subset.repeated:
        named = ", ".join(subset.repeated[:_NAMED]) + (" and others" if len(subset.repeated) > _NAMED else "")
        warnings.append(
            f"the list {subset.name} names {pluralize(len(subset.repeated), 'image')} more than once ({named}): "
            "each is scored once"
        )
    if subset.with_code and subset.matching < _CODES_MATCH * subset.with_code:
        warnings.append(
            f"the classes in the list {subset.name} match the labels of {subset.matching} of {subset.with_code} images"
        )
    return warnings


def _alignment(dataset: Dataset, card: WeightsCard) -> list[str]:
    """Warn if the images were aligned differently from those the model was trained on."""
    if "alignment" not in card.data:
        return []
    trained = card.data["alignment"]
    if (dataset.alignment is None) != (trained is None):
        here, there = ("not ", "were") if dataset.alignment is None else ("", "were not")
        return [f"the images are {here}aligned by fer align, those that {card.name} was trained on {there}"]
    differences = alignment_differences(trained, dataset.alignment or {})
    if not differences:
        return []
    return [f"the images are aligned differently from those that {card.name} was trained on: {differences}"]
