"""Label schemas: the class names of every data set, in its own order. Users see names, never integers."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from fercli.errors import UsageError

# One name per expression, used in all output.
NEUTRAL, HAPPINESS, SURPRISE, SADNESS = "neutral", "happiness", "surprise", "sadness"
ANGER, DISGUST, FEAR, CONTEMPT = "anger", "disgust", "fear", "contempt"

# BTN, Table 4: the order in which the paper prints class-wise accuracy.
PAPER_ORDER = (NEUTRAL, HAPPINESS, SADNESS, SURPRISE, FEAR, DISGUST, ANGER, CONTEMPT)

_ALIASES = {
    "happy": HAPPINESS,
    "joy": HAPPINESS,
    "sad": SADNESS,
    "surprised": SURPRISE,
    "angry": ANGER,
    "disgusted": DISGUST,
    "fearful": FEAR,
    "afraid": FEAR,
    "contemptuous": CONTEMPT,
    "calm": NEUTRAL,
}


def canonical(name: str) -> str:
    """Return the standard name of an expression: `canonical("Happy") == "happiness"`; unknown names are lower-cased."""
    lowered = name.strip().lower()
    return _ALIASES.get(lowered, lowered)


def misspelled(name: str) -> str | None:
    """Return the known name that an unknown one is probably meant to be: "sadd" is "sad"; None if there is none near."""
    known = {*PAPER_ORDER, *_ALIASES}
    letters = re.sub(r"[^a-z]", "", name.lower())
    if name.strip().lower() in known or len(letters) < 3:
        return None
    if letters in known:  # with digits or punctuation: "1_fear"
        return letters
    near = difflib.get_close_matches(letters, sorted(known), n=1, cutoff=0.8)
    return near[0] if near else None


@dataclass(frozen=True)
class LabelSchema:
    """The classes of one data set: `names[i]` is the class of index i, `codes[i]` its code in the data set's files."""

    name: str
    names: tuple[str, ...]
    codes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names) or len(self.codes) != len(self.names):
            raise ValueError(f"label schema {self.name}: names must be distinct and have one code each")

    def index(self, name: str) -> int:
        """Return the index of a class, in any spelling that `canonical` knows; UsageError if there is no such class."""
        try:
            return self.names.index(canonical(name))
        except ValueError:
            raise UsageError(
                f"{name!r} is not a class of {self.name}", fix=f"classes: {', '.join(self.names)}"
            ) from None


def _schema(name: str, names: tuple[str, ...], first_code: int = 0) -> LabelSchema:
    return LabelSchema(name, names, tuple(str(first_code + i) for i in range(len(names))))


SCHEMAS: dict[str, LabelSchema] = {
    schema.name: schema
    for schema in (
        _schema("rafdb", (SURPRISE, FEAR, DISGUST, HAPPINESS, SADNESS, ANGER, NEUTRAL), first_code=1),
        _schema("affectnet7", (NEUTRAL, HAPPINESS, SADNESS, SURPRISE, FEAR, DISGUST, ANGER)),
        _schema("affectnet8", (NEUTRAL, HAPPINESS, SADNESS, SURPRISE, FEAR, DISGUST, ANGER, CONTEMPT)),
        _schema("fer2013", (ANGER, DISGUST, FEAR, HAPPINESS, SADNESS, SURPRISE, NEUTRAL)),
        _schema("ferplus", (NEUTRAL, HAPPINESS, SURPRISE, SADNESS, ANGER, DISGUST, FEAR, CONTEMPT)),
        _schema("expw", (ANGER, DISGUST, FEAR, HAPPINESS, SADNESS, SURPRISE, NEUTRAL)),
        _schema("caer-s", (ANGER, DISGUST, FEAR, HAPPINESS, NEUTRAL, SADNESS, SURPRISE)),
    )
}


def schema(name: str) -> LabelSchema:
    """Return a schema by data-set name; UsageError lists the known names."""
    if name not in SCHEMAS:
        raise UsageError(f"unknown label schema {name!r}", fix=f"known: {', '.join(SCHEMAS)}")
    return SCHEMAS[name]
