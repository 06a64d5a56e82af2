"""The page of `fer compare`: the scores of two evaluations and the images whose prediction changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fercli.data.dataset import Dataset, Sample
from fercli.evaluate.compare.comparison import ChangedImage, Comparison
from fercli.formatting import in_percent, interval_percent, p_value, pluralize, probability_percent, signed_percent
from fercli.html.pages import render
from fercli.html.parts import FaceCard, Table, face_card

COLLAPSED = "No test: both predict one class for every image, so a difference says nothing about the two networks."
_MAX_SHOWN = 48  # images of each kind
_HEADINGS = {
    "gained": "Only B is right",
    "lost": "Only A is right",
    "neither": "Both are wrong, with different predictions",
}


@dataclass(frozen=True)
class _Kind:
    heading: str
    count: int
    cards: list[FaceCard]


def comparison_page(result: Comparison, dataset: Dataset) -> str:
    """Return the page: scores, then the changes of each kind; images that the data set lacks are left out."""
    samples = {sample.called(dataset.root): sample for sample in dataset.samples}
    rows = [
        [f"{letter}: {side.name}", f"{result.test.images:,}", in_percent(side.accuracy), in_percent(side.mean_accuracy)]
        for letter, side in (("A", result.a), ("B", result.b))
    ]
    return render(
        "evaluate/compare/page.html",
        title=f"{result.a.name} and {result.b.name}",
        subtitle=f"Two evaluations of the same images of {dataset.name}",
        scores=Table("On the images that both have.", ("", "images", "accuracy %", "mean class %"), rows),
        summary=_summary(result),
        kinds=[_kind(kind, result, samples) for kind in _HEADINGS],
    )


def _summary(result: Comparison) -> str:
    test = result.test
    if result.collapsed:
        return COLLAPSED
    return (
        f"B minus A: {signed_percent(test.accuracy_difference)} percentage points, "
        f"95 % interval {interval_percent(test.accuracy_difference_interval, signed=True)}. "
        f"Only A is right on {pluralize(test.only_a, 'image')}, only B on {test.only_b:,}; "
        f"McNemar's exact test: p {'' if test.p_value < 0.001 else '= '}{p_value(test.p_value)}."
    )


def _kind(kind: str, result: Comparison, samples: Mapping[str, Sample]) -> _Kind:
    changes = [change for change in result.changes if change.kind == kind]
    cards = [
        face_card(samples[change.source], change.source, truth=change.truth, lines=_lines(change))
        for change in changes[:_MAX_SHOWN]
        if change.source in samples
    ]
    return _Kind(_HEADINGS[kind], len(changes), cards)


def _lines(change: ChangedImage) -> list[str]:
    return [
        f"A {change.label_a} {probability_percent(change.probability_a)}",
        f"B {change.label_b} {probability_percent(change.probability_b)}",
    ]
