"""Names, labels and copies of the rows of fer2013.csv."""

from __future__ import annotations

import hashlib

import pytest

from fercli.data.fer2013_csv import FerRow, VoteRow
from fercli.data.fer2013_labels import copy_groups, label_of_votes, label_rows

ANGRY = FerRow("anger", "train", b"a")


# votes in FERPlus' order: neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, not a face
@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ((6, 0, 2, 2, 0, 0, 0, 0, 0, 0), ("neutral", None, True)),
        ((4, 0, 0, 4, 2, 0, 0, 0, 0, 0), (None, "no_majority", True)),
        ((3, 0, 0, 0, 0, 0, 0, 0, 4, 3), (None, "no_majority", False)),  # 3 of 10 votes are for expressions
        ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1), (None, "no_majority", False)),  # single votes do not count
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 10), (None, "not_a_face", False)),
        ((2, 0, 0, 0, 0, 0, 0, 0, 8, 0), (None, "unknown", False)),
    ],
)
def test_label_of_votes__is_the_winner_or_the_reason(votes, expected):
    assert label_of_votes(votes) == expected


def test_label_rows__follow_the_csv_without_votes():
    [row] = label_rows([ANGRY], None, by_majority=True)
    assert (row.name, row.label, row.usable, row.votes) == ("row0000000.png", "anger", True, None)


def test_label_rows__follow_the_majority_or_keep_the_official_label():
    votes = [VoteRow("fer0000007.png", "train", (6, 0, 2, 2, 0, 0, 0, 0, 0, 0))]
    assert [
        (row.name, row.label) for majority in (True, False) for row in label_rows([ANGRY], votes, by_majority=majority)
    ] == [("fer0000007.png", "neutral"), ("fer0000007.png", "anger")]


def test_copy_groups__join_usable_rows_with_equal_pixels():
    rows = [FerRow("fear", "train", pixels) for pixels in (b"x", b"y", b"x", b"y", b"z")]
    digest = hashlib.sha256(b"x").hexdigest()[:12]
    assert copy_groups(rows, [True, True, True, False, True]) == {0: digest, 2: digest}
