import numpy as np
import pytest

from fercli.errors import RefusedError
from fercli.export.parity import compare, distinct, refuse_rounding, refuse_translation

ASKED = {"images": "faces", "runtime": "test"}


def _crops(*values):
    """One crop of a single grey for each value: uint8 [B, 2, 2, 3]."""
    return np.stack([np.full((2, 2, 3), value, np.uint8) for value in values])


def _by_value(answers):
    """A function that answers each crop by its grey."""
    return lambda crops: np.array([answers[int(crop[0, 0, 0])] for crop in crops], np.float32)


def test_distinct__copies_go_and_the_order_stays():
    np.testing.assert_array_equal(distinct(_crops(9, 3, 9, 7, 3)), _crops(9, 3, 7))


def test_compare__every_different_image_counts_once_by_its_worst_answer():
    # four images, one of which comes twice, and one that changes its class: a quarter, whichever place it has
    wanted = {1: [2.0, 0.0], 2: [2.0, 0.0], 3: [0.0, 2.0], 4: [2.0, 0.0]}
    for changed in wanted:
        given = {**wanted, changed: wanted[changed][::-1]}
        found = compare(_by_value(wanted), _by_value(given), _crops(1, 2, 2, 3, 4), **ASKED)
        assert (found.distinct, found.top1_agreement) == (4, 0.75)
        assert (found.max_difference, found.mean_difference) == (2.0, 0.5)
        assert found.spread == pytest.approx(1.0)


def test_compare__a_class_that_changes_at_one_batch_size_only_is_seen():
    wanted = _by_value({1: [2.0, 0.0], 2: [0.0, 2.0]})
    found = compare(wanted, lambda crops: wanted(crops) * (-1 if len(crops) == 7 else 1), _crops(1, 2), **ASKED)
    assert found.top1_agreement == 0


def test_refuse_rounding__stored_weights_may_change_near_ties_only():
    wanted = {1: [2.0, 0.0], 2: [0.010, 0.0], 3: [0.0, 2.0]}
    near = compare(_by_value(wanted), _by_value({**wanted, 2: [-0.005, 0.010]}), _crops(1, 2, 3), **ASKED)
    assert (near.top1_agreement, near.clear_agreement) == (pytest.approx(2 / 3), 1.0)
    refuse_rounding(near, "stored")
    # 0.055 apart, each moved by 0.03: within the limit of a logit, but no near-tie
    clear = compare(
        _by_value({**wanted, 2: [0.055, 0.0]}), _by_value({**wanted, 2: [0.025, 0.03]}), _crops(1, 2, 3), **ASKED
    )
    assert clear.max_difference < 0.05
    with pytest.raises(RefusedError, match=r"same class on 66\.7%"):
        refuse_rounding(clear, "stored")


def test_refuse_rounding__int8_may_not_move_logits_by_a_large_part_of_their_spread():
    wanted = {1: [2.0, 0.0], 2: [2.0, 0.0]}
    little = compare(_by_value(wanted), _by_value({1: [2.2, 0.2], 2: [1.8, 0.2]}), _crops(1, 2), **ASKED)
    refuse_rounding(little, "int8")
    much = compare(_by_value(wanted), _by_value({1: [3.0, 1.0], 2: [3.0, 1.0]}), _crops(1, 2), **ASKED)
    assert much.top1_agreement == 1
    with pytest.raises(RefusedError, match="int8 change"):
        refuse_rounding(much, "int8")


@pytest.mark.parametrize("kind", ["stored", "fp16", "int8"])
def test_refuse__answers_that_are_no_numbers_are_refused(kind):
    found = compare(
        _by_value({1: [2.0, 0.0], 2: [2.0, 0.0]}),
        _by_value({1: [2.0, 0.0], 2: [np.nan, 0.0]}),
        _crops(1, 2),
        **ASKED,
    )
    with pytest.raises(RefusedError):
        refuse_rounding(found, kind)
    with pytest.raises(RefusedError):
        refuse_translation(found)
