"""Name and label the rows of fer2013.csv, with FERPlus' votes or without."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fercli.config.labels import schema
from fercli.data.fer2013_csv import FerRow, VoteRow, majority, without_single_votes

NoLabelReason = Literal["no_majority", "unknown", "not_a_face"]


@dataclass(frozen=True)
class FerLabel:
    """The label of one image, a class name, or the reason why it has none.

    name: FERPlus' file name (fer0000000.png, as in the published subset lists) or, without one, the csv row
    (row0000000.png). usable: whether it has a training target: a label, or votes for expressions.
    """

    name: str
    label: str | None
    reason: NoLabelReason | None
    usable: bool
    votes: tuple[int, ...] | None


def label_rows(rows: Sequence[FerRow], votes: Sequence[VoteRow] | None, *, by_majority: bool) -> list[FerLabel]:
    """Name and label every row. by_majority: FERPlus' winner, where there are votes; otherwise the official label."""
    labels: list[FerLabel] = []
    for index, row in enumerate(rows):
        vote = votes[index] if votes else None
        name = (vote.name if vote else None) or f"row{index:07d}.png"
        counts = vote.votes if vote else None
        if by_majority and counts is not None:
            label, reason, usable = label_of_votes(counts)
        else:
            label, reason, usable = row.label, None, True
        labels.append(FerLabel(name, label, reason, usable, counts))
    return labels


def label_of_votes(votes: Sequence[int]) -> tuple[str | None, NoLabelReason | None, bool]:
    """Return the winner of one image's votes, or the reason why there is none; and whether it is usable for training."""
    label, reason = _majority_label(votes)
    return label, reason, label is not None or (reason == "no_majority" and _has_expressions(votes))


def copy_groups(rows: Sequence[FerRow], usable: Sequence[bool]) -> dict[int, str]:
    """Return the groups of usable rows with identical pixels, by row: twelve digits of the pixels' sha256."""
    members: Mapping[bytes, list[int]] = defaultdict(list)
    for index, (row, is_usable) in enumerate(zip(rows, usable, strict=True)):
        if is_usable:
            members[row.pixels].append(index)
    return {
        index: hashlib.sha256(pixels).hexdigest()[:12]
        for pixels, indices in members.items()
        if len(indices) > 1
        for index in indices
    }


def _majority_label(votes: Sequence[int]) -> tuple[str | None, NoLabelReason | None]:
    winner = majority(votes)
    if winner is None:
        return None, "no_majority"
    if winner == "NF":
        return None, "not_a_face"
    return (None, "unknown") if winner == "unknown" else (winner, None)


def _has_expressions(votes: Sequence[int]) -> bool:
    """Whether at least half of the votes, single votes not counted, are for expressions."""
    kept = without_single_votes(votes)
    expressions = sum(kept[: len(schema("ferplus").names)])
    return expressions > 0 and 2 * expressions >= sum(kept)
