"""The card and the settings of a run in, what a reader must know of them out, in sentences and one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fercli.formatting import percent
from fercli.html.colours import expression_colour
from fercli.html.markup import css_colour, escaped
from fercli.weights.card import WeightsCard

_SELDOM = 0.3  # of a class's images: below it a reader is warned


def legend(labels: Sequence[str]) -> str:
    """What the colours mean."""
    names = "".join(
        f'<li><span class="dot" style="background:{css_colour(expression_colour(label, labels))}"></span>{escaped(label)}</li>'
        for label in labels
    )
    return f'<ul class="legend">{names}<li><span class="dot hatched"></span>uncertain</li></ul>'


def about_model(card: WeightsCard) -> str:
    """How good the model is by its card, and its known limits."""
    sentences = [
        f"A face is called uncertain when its best probability is under {percent(card.abstain_below)}: "
        "do not believe its expression."
        if card.abstain_below > 0
        else "The card states no limit under which a face would be uncertain."
    ]
    score = _best_known(card.scores)
    if score:
        sentences.append(_score_sentence(score, str(card.data.get("name", card.schema))))
    else:
        sentences.append("The card of the weights states no scores: how often they are right is unknown.")
    notes = "".join(f"<li>{escaped(note)}</li>" for note in card.notes)
    return (
        f"<section><h2>How far to believe this</h2><p>{escaped(' '.join(sentences))}</p>"
        f"{f'<ul>{notes}</ul>' if notes else ''}"
        "<p>An expression is not an emotion: what a face shows says little about what a person feels.</p></section>"
    )


def about_settings(card: WeightsCard, settings: Mapping[str, object], *, made: str) -> str:
    """Everything that shaped the figures."""
    entries: list[tuple[str, object]] = [
        (
            "weights",
            f"{card.name}, version {card.version}, {card.model.preset}, licence: {card.licence or 'not stated'}",
        ),
        ("classes", ", ".join(card.labels)),
        ("alignment", f"{card.crop.name}, {card.model.input.size} px, {card.model.input.colour}"),
        ("trained on", " ".join(str(part) for part in (card.data.get("name"), card.data.get("fingerprint")) if part)),
        ("temperature", f"{card.temperature:.4g}"),
        ("uncertain below", percent(card.abstain_below)),
        *settings.items(),
        ("made by", made),
    ]
    rows = "".join(
        f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in entries if value not in ("", None)
    )
    return f'<section><h2>Settings</h2><dl class="settings">{rows}</dl></section>'


def _best_known(scores: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The score of the test split, else of any other."""
    found = [scores.get("test"), *scores.values()]
    return next((score for score in found if isinstance(score, Mapping) and "accuracy" in score), None)


def _score_sentence(score: Mapping[str, Any], data: str) -> str:
    images = f" ({score['images']:,} images)" if score.get("images") else ""
    text = f"On the {score.get('split', 'test')} split of {data}{images} the model agrees with the annotators on "
    text += percent(score["accuracy"])
    if score.get("mean_accuracy") is not None:
        text += f" of the faces, {percent(score['mean_accuracy'])} as the mean over the classes"
    by_class = {name: value for name, value in (score.get("class_accuracy") or {}).items() if value is not None}
    seldom = sorted((value, name) for name, value in by_class.items() if value < _SELDOM)
    if seldom:
        text += "; seldom or never named where they are: " + ", ".join(f"{n} ({percent(v)})" for v, n in seldom)
    return text + "."
