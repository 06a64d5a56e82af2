"""Values of shared options."""

from __future__ import annotations

import pytest

from fercli.cli.options import parse_seeds
from fercli.errors import UsageError


def test_parse_seeds__a_number_is_how_many_and_a_list_is_which():
    assert parse_seeds("3") == (0, 1, 2)
    assert parse_seeds("1") == (0,)
    assert parse_seeds("0,3,7") == (0, 3, 7)


@pytest.mark.parametrize("text", ["0", "a", "1,1", "-1,2", "3,", ""])
def test_parse_seeds__refuses_what_is_no_list_of_seeds(text: str):
    with pytest.raises(UsageError):
        parse_seeds(text)
