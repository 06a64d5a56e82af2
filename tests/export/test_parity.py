import numpy as np
import pytest

from fercli.errors import RefusedError
from fercli.export.parity import check_conversion, check_rounding, compare_logits, distinct

OPTIONS = {"images": "faces", "runtime": "test"}


def _crops(*values):
    """One crop of a single grey for each value: uint8 [B, 2, 2, 3]."""
    return np.stack([np.full((2, 2, 3), value, np.uint8) for value in values])


def _by_value(logits):
    """A function that gives each crop the logits of its grey value."""
    return lambda crops: np.array([logits[int(crop[0, 0, 0])] for crop in crops], np.float32)


def test_distinct__removes_copies_and_keeps_the_order():
    np.testing.assert_array_equal(distinct(_crops(9, 3, 9, 7, 3)), _crops(9, 3, 7))


def test_compare_logits__every_different_image_counts_once_by_its_largest_difference():
    # four images, one of which comes twice, and one that changes its class: a quarter, wherever it stands in the batch
    expected = {1: [2.0, 0.0], 2: [2.0, 0.0], 3: [0.0, 2.0], 4: [2.0, 0.0]}
    for changed in expected:
        exported = {**expected, changed: expected[changed][::-1]}
        parity = compare_logits(_by_value(expected), _by_value(exported), _crops(1, 2, 2, 3, 4), **OPTIONS)
        assert (parity.distinct, parity.top1_agreement) == (4, 0.75)
        assert (parity.max_difference, parity.mean_difference) == (2.0, 0.5)
        assert parity.spread == pytest.approx(1.0)


def test_compare_logits__notices_a_class_that_changes_at_one_batch_size_only():
    expected = _by_value({1: [2.0, 0.0], 2: [0.0, 2.0]})
    parity = compare_logits(
        expected, lambda crops: expected(crops) * (-1 if len(crops) == 7 else 1), _crops(1, 2), **OPTIONS
    )
    assert parity.top1_agreement == 0


def test_check_rounding__stored_weights_may_change_near_ties_only():
    expected = {1: [2.0, 0.0], 2: [0.010, 0.0], 3: [0.0, 2.0]}
    near = compare_logits(_by_value(expected), _by_value({**expected, 2: [-0.005, 0.010]}), _crops(1, 2, 3), **OPTIONS)
    assert (near.top1_agreement, near.clear_agreement) == (pytest.approx(2 / 3), 1.0)
    check_rounding(near, "stored")
    # 0.055 apart, each moved by 0.03: within the limit of a logit, but no near-tie
    clear = compare_logits(
        _by_value({**expected, 2: [0.055, 0.0]}), _by_value({**expected, 2: [0.025, 0.03]}), _crops(1, 2, 3), **OPTIONS
    )
    assert clear.max_difference < 0.05
    with pytest.raises(RefusedError, match=r"same class on 66\.7 %"):
        check_rounding(clear, "stored")


def test_check_rounding__int8_may_not_move_logits_by_a_large_part_of_their_spread():
    expected = {1: [2.0, 0.0], 2: [2.0, 0.0]}
    little = compare_logits(_by_value(expected), _by_value({1: [2.2, 0.2], 2: [1.8, 0.2]}), _crops(1, 2), **OPTIONS)
    check_rounding(little, "int8")
    much = compare_logits(_by_value(expected), _by_value({1: [3.0, 1.0], 2: [3.0, 1.0]}), _crops(1, 2), **OPTIONS)
    assert much.top1_agreement == 1
    with pytest.raises(RefusedError, match="with int8, logits differ"):
        check_rounding(much, "int8")


@pytest.mark.parametrize("kind", ["stored", "fp16", "int8"])
def test_refuse__nan_is_refused(kind):
    parity = compare_logits(
        _by_value({1: [2.0, 0.0], 2: [2.0, 0.0]}),
        _by_value({1: [2.0, 0.0], 2: [np.nan, 0.0]}),
        _crops(1, 2),
        **OPTIONS,
    )
    with pytest.raises(RefusedError):
        check_rounding(parity, kind)
    with pytest.raises(RefusedError):
        check_conversion(parity)
