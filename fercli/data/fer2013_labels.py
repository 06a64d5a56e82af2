"""Rows of fer2013.csv and FERPlus' votes in, what each image is called and labelled, or why it has no label, out."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fercli.config.labels import schema
from fercli.data.fer2013_csv import FerRow, VoteRow, majority, without_single_votes

Reason = Literal["no_majority", "unknown", "not_a_face"]


@dataclass(frozen=True)
class FerLabel:
    """What one image is: a class name, or the reason why it has none.

    name: FERPlus' own (fer0000000.png, as the published subset lists have it) or, without one, the csv row
    (row0000000.png). usable: whether there is anything to learn from it: a label, or votes for expressions.
    """

    name: str
    label: str | None
    reason: Reason | None
    usable: bool
    votes: tuple[int, ...] | None


def label_rows(rows: Sequence[FerRow], voted: Sequence[VoteRow] | None, *, by_majority: bool) -> list[FerLabel]:
    """Name and label every row. by_majority: FERPlus' winner, where there are votes; otherwise the owner's label."""
    labels: list[FerLabel] = []
    for number, row in enumerate(rows):
        vote = voted[number] if voted else None
        name = (vote.name if vote else None) or f"row{number:07d}.png"
        votes = vote.votes if vote else None
        if by_majority and votes is not None:
            label, reason, usable = label_of_votes(votes)
        else:
            label, reason, usable = row.label, None, True
        labels.append(FerLabel(name, label, reason, usable, votes))
    return labels


def label_of_votes(votes: Sequence[int]) -> tuple[str | None, Reason | None, bool]:
    """The winner of one image's votes, or why it has none; and whether there is anything to learn from it."""
    label, reason = _majority_label(votes)
    return label, reason, label is not None or (reason == "no_majority" and _has_expressions(votes))


def copy_groups(rows: Sequence[FerRow], usable: Sequence[bool]) -> dict[int, str]:
    """Rows whose pixels another usable row has too, with the group they share: twelve digits of the pixels' sha256."""
    members: Mapping[bytes, list[int]] = defaultdict(list)
    for number, (row, wanted) in enumerate(zip(rows, usable, strict=True)):
        if wanted:
            members[row.pixels].append(number)
    return {
        number: hashlib.sha256(pixels).hexdigest()[:12]
        for pixels, numbers in members.items()
        if len(numbers) > 1
        for number in numbers
    }


def _majority_label(votes: Sequence[int]) -> tuple[str | None, Reason | None]:
    winner = majority(votes)
    if winner is None:
        return None, "no_majority"
    if winner == "NF":
        return None, "not_a_face"
    return (None, "unknown") if winner == "unknown" else (winner, None)


def _has_expressions(votes: Sequence[int]) -> bool:
    """Whether expressions hold at least half of the votes that are left without single ones."""
    kept = without_single_votes(votes)
    expressions = sum(kept[: len(schema("ferplus").names)])
    return expressions > 0 and 2 * expressions >= sum(kept)
