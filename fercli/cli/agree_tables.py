"""What `fer agree` prints: the confusion matrix, the scores, and a table by expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercli.cli import console
from fercli.formatting import percent, pluralize

if TYPE_CHECKING:
    from fercli.coding.agree import Agreement, PairAgreement
    from fercli.coding.agreement import Estimate


def show_agreement(result: Agreement) -> None:
    """Print an agreement."""
    people, videos = pluralize(result.people, "person", "people"), pluralize(result.videos, "video")
    console.show(f"{people} in {videos}, compared every {result.step_s:g} s; 95 % intervals")
    for pair in result.pairs:
        _show_pair(pair, result)
    if result.alpha_of_all is not None:
        console.show(
            f"Krippendorff's alpha of all {len({p.coded for p in result.pairs}) + 1} codings: {result.alpha_of_all:.3f}"
        )
    if result.alpha_of_people is not None:
        console.show(f"Krippendorff's alpha of the codings by people: {result.alpha_of_people:.3f}")


def _show_pair(pair: PairAgreement, result: Agreement) -> None:
    from fercli.coding.agree_files import confusion_names

    rows, columns = confusion_names(pair)
    seconds = pair.confusion * result.step_s
    kept = [index for index in range(len(columns)) if seconds[:, index].sum() > 0]
    cells = [
        [name, *(f"{seconds[row, index]:.1f}" for index in kept)]
        for row, name in enumerate(rows)
        if seconds[row].sum() > 0
    ]
    title = f"{pair.coded} (rows) and {pair.read} (columns), seconds"
    console.show(console.table(title, ["", *(columns[index] for index in kept)], cells))
    console.show(
        f"Both have an expression for {pair.compared * result.step_s:.1f} s. Resampled for intervals: {pair.blocks}."
    )
    scores = [
        ["agreement", _percent(pair.agreement), _interval(pair.agreement, as_percent=True)],
        ["Cohen's kappa", _number(pair.kappa.value), _interval(pair.kappa)],
        ["Krippendorff's alpha", _number(pair.alpha.value), _interval(pair.alpha)],
    ]
    console.show(console.table(None, ["", "value", "interval"], scores))
    head = ["expression", "precision", "recall", "events coded", "events read", "matched", "F1", "onset apart (s)"]
    overall = pair.events[-1]
    named = [(item.name, _percent(item.precision), _percent(item.recall)) for item in pair.classes]
    table = [
        [
            name,
            share,
            found,
            event.coded,
            event.read,
            event.matched,
            _with_interval(event.f1),
            _number(event.onset_error_s),
        ]
        for (name, share, found), event in zip([*named, (overall.name, None, None)], pair.events, strict=True)
        if event.coded or event.read or share or found
    ]
    title = f"By expression: time of {pair.read}, and events whose onsets are at most {result.tolerance_s:g} s apart"
    console.show(console.table(title, head, table))


def _percent(score: Estimate) -> str | None:
    return None if score.value is None else percent(score.value)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _with_interval(score: Estimate) -> str | None:
    interval = _interval(score)
    return f"{_number(score.value)} ({interval})" if interval else _number(score.value)


def _interval(score: Estimate, *, as_percent: bool = False) -> str | None:
    if score.interval is None:
        return None
    return " to ".join(percent(end) if as_percent else f"{end:.2f}" for end in score.interval)
