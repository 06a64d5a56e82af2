"""Errors of a list are reported together; missing images alone are not an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.data.list_errors import ListErrors, first_few
from fercli.errors import DataError


def test_list_errors__of_missing_images_alone_raise_nothing():
    errors = ListErrors(Path("a/list.txt"), fix="expected layout: x")
    errors.add_missing("line 2", "b.png")
    errors.raise_if_any()
    assert errors.missing == ["list.txt, line 2: b.png does not exist"]
    with pytest.raises(DataError, match=r"lists no image that exists: list\.txt, line 2"):
        errors.raise_if_empty([])


def test_list_errors__are_reported_in_the_order_of_the_lines():
    errors = ListErrors(Path("a/list.txt"), fix="expected layout: x")
    errors.add("line 1: no label")
    errors.add_missing("line 2", "b.png")
    errors.add("line 3: no label")
    with pytest.raises(DataError, match=r"line 1: no label; line 2: b\.png does not exist; line 3") as caught:
        errors.raise_if_any()
    assert caught.value.fix == "expected layout: x"


def test_first_few__counts_the_others():
    assert first_few([str(number) for number in range(12)]) == "0; 1; 2; 3; 4; 5; 6; 7; 8; 9; and 2 more"
