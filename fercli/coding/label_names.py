"""Which expressions are compared, and which labels of coders are none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fercli.coding.coders import Coder
from fercli.coding.pairing import PairingOptions, SamePerson
from fercli.coding.recordings import UNCERTAIN
from fercli.config.labels import PAPER_ORDER, canonical, misspelled
from fercli.errors import DataError, UsageError
from fercli.system.text_table import read_table

_SHOWN = 8
# what a label probably stands for; only proposed, never assumed
_PROPOSED = {
    "smile": "happiness",
    "smiling": "happiness",
    "laugh": "happiness",
    "au12": "happiness",
    "freude": "happiness",
    "froh": "happiness",
    "lächeln": "happiness",
    "trauer": "sadness",
    "traurig": "sadness",
    "ärger": "anger",
    "wut": "anger",
    "angst": "fear",
    "furcht": "fear",
    "ekel": "disgust",
    "überraschung": "surprise",
    "verachtung": "contempt",
    "joie": "happiness",
    "tristesse": "sadness",
    "colère": "anger",
    "peur": "fear",
    "dégoût": "disgust",
    "alegría": "happiness",
    "tristeza": "sadness",
    "ira": "anger",
    "miedo": "fear",
    "sorpresa": "surprise",
}


def classes_of(
    coders: Sequence[Coder], people: Sequence[SamePerson], options: PairingOptions, warnings: list[str]
) -> tuple[str, ...]:
    """Return the classes of the program, else all labels of the coders; labels that are not classes are added to `warnings`.

    Raises: UsageError if a label is mapped to something that is not a class; DataError if a coder uses no class at all.
    """
    given = next((coder.classes for coder in coders if coder.classes), None)
    used = [_seconds(people, index, options) for index in range(len(coders))]
    order = {name: number for number, name in enumerate(PAPER_ORDER)}
    names = {name for seconds in used for name in seconds if name != UNCERTAIN}
    classes = given or tuple(sorted(names, key=lambda name: (order.get(name, len(order)), name)))
    _check_mapping(options, people, classes, warnings)
    for coder, seconds in zip(coders, used, strict=True):
        unknown = {name: value for name, value in seconds.items() if name not in (*classes, UNCERTAIN)}
        if unknown and len(unknown) == len(seconds):
            raise DataError(
                f"{coder.name}: no label is an expression of the others: {_shown(unknown)}",
                fix=f"say what they stand for: {_map_options(unknown, classes)} (classes: {', '.join(classes)})",
            )
        if unknown:
            warnings.append(
                f"{coder.name}: labels that are not expressions of the others are not counted: {_shown(unknown)}; "
                f"say what they stand for with {_map_options(unknown, classes)}"
            )
        others = {name for other in used if other is not seconds for name in other}
        alone = {name: value for name, value in seconds.items() if name not in others and name not in order}
        if given is None and alone:
            warnings.append(
                f"only {coder.name} uses {_shown(alone)}: if another label means the same, --map LABEL=EXPRESSION"
            )
    return classes


def read_mapping(path: Path) -> dict[str, str]:
    """Read what labels stand for from a csv file with the columns label and expression. Raises: DataError with the line."""
    table = read_table(path)
    columns = {name.strip().lower(): name for name in table.header}
    if not {"label", "expression"} <= set(columns):
        raise DataError(f"{path}: no columns label and expression", fix="a header label,expression")
    pairs = {}
    for line, row in table.rows:
        label, expression = (row[columns[name]].strip() for name in ("label", "expression"))
        if not label or not expression:
            raise DataError(f"{path}, line {line}: a label or an expression is missing", fix="smile,happiness")
        pairs[label] = pairs[canonical(label)] = canonical(expression)
    return pairs


def _seconds(people: Sequence[SamePerson], index: int, options: PairingOptions) -> dict[str, float]:
    """Return for how long a coder uses every label."""
    seconds: dict[str, float] = {}
    for person in people:
        for item in person.frames[index]:
            label = options.label(item.label)
            seconds[label] = seconds.get(label, 0.0) + item.offset_s - item.onset_s
    return seconds


def _check_mapping(
    options: PairingOptions, people: Sequence[SamePerson], classes: Sequence[str], warnings: list[str]
) -> None:
    for option, names in (("--map", set(options.names.values())), ("--gaps", {options.gaps} - {None})):
        for name in sorted(map(str, names)):
            if options.label(name) not in classes:
                raise UsageError(f"{option} {name}: no such expression", fix=f"expressions: {', '.join(classes)}")
    labels = {item.label.strip().lower() for person in people for items in person.frames for item in items}
    mapped = {name.strip().lower() for name in options.names}
    unused = sorted(mapped - labels) if not mapped & labels else []
    if unused:
        warnings.append(f"--map: no coding has the label {', '.join(unused)}")


def _shown(seconds: Mapping[str, float]) -> str:
    shown = sorted(seconds.items(), key=lambda item: -item[1])[:_SHOWN]
    return ", ".join(f"{name} ({value:.1f} s)" for name, value in shown) + (" ..." if len(seconds) > _SHOWN else "")


def _map_options(seconds: Mapping[str, float], classes: Sequence[str]) -> str:
    """Return --map options for the most frequent labels; EXPRESSION where it cannot be guessed."""
    names = sorted(seconds, key=lambda name: -seconds[name])[:3]
    proposed = {name: _PROPOSED.get(name) or misspelled(name) or "EXPRESSION" for name in names}
    pairs = [(name, to if to in classes else "EXPRESSION") for name, to in proposed.items()]
    return " ".join(f'--map "{name}={to}"' if " " in name else f"--map {name}={to}" for name, to in pairs)
