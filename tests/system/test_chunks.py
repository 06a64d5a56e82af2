from __future__ import annotations

import numpy as np
import pytest
import torch

from fercli.system.chunks import chunked


def test_chunked__keeps_order_and_leaves_the_rest_for_the_last():
    assert list(chunked("abcdefg", 3)) == ["abc", "def", "g"]
    assert list(chunked([1, 2, 3, 4], 2)) == [[1, 2], [3, 4]]


def test_chunked__nothing_gives_no_chunk():
    assert list(chunked([], 4)) == []


def test_chunked__cuts_arrays_and_tensors_along_their_first_axis():
    assert [part.shape for part in chunked(np.zeros((5, 2)), 4)] == [(4, 2), (1, 2)]
    assert [tuple(part.shape) for part in chunked(torch.zeros(5, 2), 3)] == [(3, 2), (2, 2)]


def test_chunked__refuses_an_empty_chunk():
    with pytest.raises(ValueError, match="at least one item"):
        list(chunked([1], 0))
