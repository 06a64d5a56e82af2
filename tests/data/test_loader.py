from pathlib import Path

import pytest
import torch

from fercli.config.training import LossConfig
from fercli.data.dataset import Sample
from fercli.data.loader import targets_of
from fercli.errors import DataError

VOTED = Sample(Path("a.png"), "train", 0, votes=(6.0, 3.0, 1.0), first_label=2)
SOFT = LossConfig(soft_targets=True)


def test_targets_of__hard_labels_are_indices():
    assert targets_of([VOTED], 3, LossConfig()).tolist() == [0]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (SOFT, (0.6, 0.3, 0.1)),
        (LossConfig(soft_targets=True, single_votes=False), (6 / 9, 3 / 9, 0.0)),
        (LossConfig(soft_targets=True, first_label=0.2), (0.48, 0.24, 0.28)),
    ],
)
def test_targets_of__votes_become_a_distribution(loss, expected):
    torch.testing.assert_close(targets_of([VOTED], 3, loss), torch.tensor([expected]))


def test_targets_of__where_every_class_has_one_vote_all_stay():
    sample = Sample(Path("a.png"), "train", None, votes=(1.0, 0.0, 1.0))
    found = targets_of([sample], 3, LossConfig(soft_targets=True, single_votes=False))
    assert found.tolist() == [[0.5, 0.0, 0.5]]


def test_targets_of__a_sample_without_votes_keeps_its_label():
    assert targets_of([Sample(Path("a.png"), "train", 1)], 3, SOFT).tolist() == [[0.0, 1.0, 0.0]]
    with pytest.raises(DataError, match="no label"):
        targets_of([Sample(Path("a.png"), "train", None)], 3, SOFT)
