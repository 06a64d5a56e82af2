"""A comparison and the data set it is about in, one HTML page with the images that changed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fercli.data.dataset import Dataset, Sample
from fercli.html.face_cards import face_card, face_grid
from fercli.html.markup import escaped, table
from fercli.html.page import page_end, page_start

if TYPE_CHECKING:
    from fercli.evaluate.compare import Change, Comparison

_SHOWN = 48  # images of each kind
_HEADINGS = {
    "gained": "Only B is right",
    "lost": "Only A is right",
    "neither": "Both are wrong, each in its own way",
}


def comparison_page(result: Comparison, dataset: Dataset) -> str:
    """The page's text: figures, then the surest changes of each kind; images that the data set lacks are left out."""
    samples = {sample.called(dataset.root): sample for sample in dataset.samples}
    test = result.test
    rows = [
        [f"{letter}: {side.name}", f"{test.n:,}", f"{100 * side.overall:.2f}", f"{100 * side.mean_class:.2f}"]
        for letter, side in (("A", result.a), ("B", result.b))
    ]
    figures = table("On the images that both have.", ("", "images", "accuracy %", "mean class %"), rows)
    low, high = test.difference_interval
    words = (
        f"B minus A: {100 * test.difference:+.2f} points, 95 % interval {100 * low:.2f} to {100 * high:.2f}. "
        f"Only A is right on {test.only_a:,} images, only B on {test.only_b:,}; McNemar's exact test: p = {test.p_value:.3g}."
    )
    parts = [
        page_start(f"{result.a.name} and {result.b.name}", f"the same images of {dataset.name}, read twice"),
        f"<section>{figures}<p>{escaped(words)}</p></section>",
        *(_section(kind, result.changes, samples) for kind in _HEADINGS),
        page_end(),
    ]
    return "".join(parts)


def _section(kind: str, changes: Sequence[Change], samples: Mapping[str, Sample]) -> str:
    mine = [change for change in changes if change.kind == kind]
    cards = [
        face_card(
            samples[change.path],
            change.path,
            truth=change.truth,
            lines=[
                f"A {change.first} {100 * change.first_probability:.0f} %",
                f"B {change.second} {100 * change.second_probability:.0f} %",
            ],
        )
        for change in mine[:_SHOWN]
        if change.path in samples
    ]
    note = f"<p>{len(mine):,} images; the surest answers of B first.</p>"
    return f"<section><h2>{_HEADINGS[kind]}</h2>{note}{face_grid(cards)}</section>"
